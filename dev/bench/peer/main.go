// Command peer is an operator of PaperspaceMachine as an able engineer writes it in a day with controller-runtime: a
// finalizer, a look-up by name before the create, a GET of each machine every five seconds until it is ready. The
// benchmarks put it through the same scenarios. It lacks what the operator is there for: a create whose answer is lost
// before the machine shows up in the list is sent twice.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	finalizer = "paperspace.com/peer"
	pollEvery = 5 * time.Second
	resync    = 10 * time.Minute
)

var groupVersion = schema.GroupVersion{Group: "paperspace.com", Version: "v1alpha1"}

type PaperspaceMachine struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              Spec   `json:"spec"`
	Status            Status `json:"status,omitempty"`
}

type Spec struct {
	MachineType string `json:"machineType"`
	Region      string `json:"region"`
	TemplateID  string `json:"templateId"`
	DiskSize    int64  `json:"diskSize"`
}

type Status struct {
	ID                 string             `json:"id,omitempty"`
	State              string             `json:"state,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

func (m *PaperspaceMachine) DeepCopyObject() runtime.Object {
	out := *m
	m.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Status.Conditions = append([]metav1.Condition(nil), m.Status.Conditions...)
	return &out
}

type PaperspaceMachineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PaperspaceMachine `json:"items"`
}

func (l *PaperspaceMachineList) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = nil
	for i := range l.Items {
		out.Items = append(out.Items, *l.Items[i].DeepCopyObject().(*PaperspaceMachine))
	}
	return &out
}

// Cloud is the REST API behind one limiter.
type Cloud struct {
	base, key string
	limiter   *rate.Limiter
	http      http.Client
}

type CloudMachine struct{ ID, Name, State string }

var errNotFound = errors.New("not found")

func (c *Cloud) call(ctx context.Context, method, path string, body, answer any) error {
	if err := c.limiter.Wait(ctx); err != nil {
		return err
	}
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &sent)
	if err != nil {
		return err
	}
	req.Header = http.Header{"Authorization": {"Bearer " + c.key}, "Content-Type": {"application/json"}}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return errNotFound
	case res.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s", method, path, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(answer)
}

type Reconciler struct {
	client.Client
	cloud *Cloud
}

func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var machine PaperspaceMachine
	if err := r.Get(ctx, req.NamespacedName, &machine); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !machine.DeletionTimestamp.IsZero() {
		return r.delete(ctx, &machine)
	}
	if controllerutil.AddFinalizer(&machine, finalizer) {
		if err := r.Update(ctx, &machine); err != nil {
			return ctrl.Result{}, err
		}
	}
	found, err := r.findOrCreate(ctx, &machine)
	if err != nil {
		return ctrl.Result{}, err
	}
	after := pollEvery
	if found.State == "ready" {
		after = resync
	}
	return ctrl.Result{RequeueAfter: after}, r.report(ctx, &machine, found)
}

func (r *Reconciler) findOrCreate(ctx context.Context, machine *PaperspaceMachine) (*CloudMachine, error) {
	if id := machine.Status.ID; id != "" {
		var found CloudMachine
		return &found, r.cloud.call(ctx, http.MethodGet, "/machines/"+id, nil, &found)
	}
	var page struct{ Items []CloudMachine }
	if err := r.cloud.call(ctx, http.MethodGet, "/machines?name="+url.QueryEscape(machine.Name), nil, &page); err != nil {
		return nil, err
	}
	for _, found := range page.Items {
		if found.Name == machine.Name {
			return &found, nil
		}
	}
	body := map[string]any{
		"name": machine.Name, "machineType": machine.Spec.MachineType, "region": machine.Spec.Region,
		"templateId": machine.Spec.TemplateID, "diskSize": machine.Spec.DiskSize, "startOnCreate": true,
	}
	var created struct{ Data CloudMachine }
	return &created.Data, r.cloud.call(ctx, http.MethodPost, "/machines", body, &created)
}

func (r *Reconciler) report(ctx context.Context, machine *PaperspaceMachine, found *CloudMachine) error {
	before := machine.DeepCopyObject().(*PaperspaceMachine)
	machine.Status.ID, machine.Status.State = found.ID, found.State
	machine.Status.ObservedGeneration = machine.Generation
	condition := metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse, Reason: "Provisioning", ObservedGeneration: machine.Generation}
	if found.State == "ready" {
		condition.Status, condition.Reason = metav1.ConditionTrue, "Available"
	}
	meta.SetStatusCondition(&machine.Status.Conditions, condition)
	return r.Status().Patch(ctx, machine, client.MergeFrom(before))
}

func (r *Reconciler) delete(ctx context.Context, machine *PaperspaceMachine) (ctrl.Result, error) {
	if id := machine.Status.ID; id != "" {
		method := http.MethodDelete
		if machine.Status.State == "deleting" {
			method = http.MethodGet
		}
		var answer struct{}
		err := r.cloud.call(ctx, method, "/machines/"+id, nil, &answer)
		if err == nil && method == http.MethodDelete {
			err = r.report(ctx, machine, &CloudMachine{ID: id, State: "deleting"})
		}
		if !errors.Is(err, errNotFound) {
			return ctrl.Result{RequeueAfter: pollEvery}, err
		}
	}
	controllerutil.RemoveFinalizer(machine, finalizer)
	return ctrl.Result{}, client.IgnoreNotFound(r.Update(ctx, machine))
}

func main() {
	ctrl.SetLogger(zap.New())
	number := func(name string) float64 { value, _ := strconv.ParseFloat(os.Getenv(name), 64); return value }
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(groupVersion, &PaperspaceMachine{}, &PaperspaceMachineList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	config := ctrl.GetConfigOrDie()
	config.QPS = -1 // No limit of its own: the API server has fairness.
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		Cache:                  cache.Options{DefaultNamespaces: map[string]cache.Config{os.Getenv("WATCH_NAMESPACE"): {}}},
		Metrics:                server.Options{BindAddress: "0"},
		HealthProbeBindAddress: os.Getenv("HEALTH_ADDRESS"),
	})
	fatal(err)
	cloud := &Cloud{
		base: os.Getenv("PAPERSPACE_API_URL"), key: os.Getenv("PAPERSPACE_API_KEY"),
		limiter: rate.NewLimiter(rate.Limit(number("REQUESTS_PER_SECOND")), int(number("BURST"))),
		http:    http.Client{Timeout: 30 * time.Second},
	}
	fatal(ctrl.NewControllerManagedBy(manager).For(&PaperspaceMachine{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: 8}).
		Complete(&Reconciler{manager.GetClient(), cloud}))
	fatal(manager.AddReadyzCheck("cache", func(*http.Request) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := manager.GetCache().GetInformer(ctx, &PaperspaceMachine{}) // Once it is synced.
		return err
	}))
	fatal(manager.Start(ctrl.SetupSignalHandler()))
}

func fatal(err error) {
	if err != nil {
		log.Log.Error(err, "stopped")
		os.Exit(1)
	}
}
