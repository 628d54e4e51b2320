import { describe, expect, it } from "vitest";
import { BETA, MACHINE, refusal, setUpConforming, type Written } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { Behaviour } from "./behaviour.ts";
import type { EventView } from "./records.ts";
import type { templateView } from "./views.ts";

type Template = ReturnType<typeof templateView>;
type Made = { data: Template; event: EventView };

function withTemplates(behaviour: Partial<Behaviour> = {}) {
  const parts = setUpConforming({ behaviour });
  const make = (machineId: string, name = "golden") =>
    parts.ok<Made>("POST", "/custom-templates", { name, machineId });
  /** One that can be used. */
  const template = async (change: object = {}) => {
    const made = await make(await parts.machineIn("ready", change));
    await parts.clock.advance(90_000);
    return made.data;
  };
  const from = (templateId: string, change: object = {}) =>
    parts.call("POST", "/machines", { ...MACHINE, templateId, ...change });
  return { ...parts, make, template, from };
}

describe("a custom template", () => {
  it("has the system, the disk and the region of the machine it was made of", async () => {
    const { event, clock, machineIn, make } = withTemplates();
    const id = await machineIn("ready", { templateId: "tdesk22u", diskSize: 250 });
    const { data, event: created } = await make(id);
    expect(data).toMatchObject({
      name: "golden",
      agentType: "LinuxDesktop",
      operatingSystemLabel: "Ubuntu 22.04",
      region: "ny2",
      defaultSizeGb: 250,
      parentMachineId: id,
      dtDeleted: null,
    });
    expect(created).toMatchObject({ name: "template-create", machineId: id });
    await clock.advance(60_000);
    expect((await event(created.id)).state).toBe("done");
  });

  it("is found by name and by the machine it was made of, and can be renamed", async () => {
    const { ok, template } = withTemplates();
    const [a, b] = [await template(), await template()];
    await ok("PUT", `/custom-templates/${b.id}`, { name: "second" });
    const ids = async (query: string) =>
      (await ok<Page<Template>>("GET", `/custom-templates?${query}`)).items.map((t) => t.id);
    expect(await ids("orderBy=name&order=asc")).toEqual([a.id, b.id]);
    expect(await ids("name=second")).toEqual([b.id]);
    expect(await ids(`machineId=${a.parentMachineId}`)).toEqual([a.id]);
    expect(await ok("GET", `/custom-templates/${a.id}`)).toEqual(a);
  });

  it("goes at once and without an event, and is still in the answer", async () => {
    const { call, ok, template } = withTemplates();
    const { id } = await template();
    const deleted = await ok<Template>("DELETE", `/custom-templates/${id}`);
    expect(deleted).toMatchObject({ id, dtDeleted: expect.any(String) });
    expect((await call("GET", `/custom-templates/${id}`)).status).toBe(404);
    const { items } = await ok<Page<EventView>>("GET", "/machine-events?limit=1");
    expect(items[0]?.name).toBe("template-create");
  });

  it("outlives its machine, which a snapshot does not", async () => {
    const { clock, ok, template } = withTemplates();
    const { id, parentMachineId } = await template();
    await ok("DELETE", `/machines/${parentMachineId}`);
    await clock.advance(90_000);
    expect((await ok<Page<Template>>("GET", "/custom-templates")).items.map((t) => t.id)).toEqual([id]);
  });

  it("is gone when its making failed", async () => {
    const { clock, sim, call, machineIn, make } = withTemplates();
    sim.console.failNext({ event: "template-create" });
    const { data } = await make(await machineIn("ready"));
    await clock.advance(90_000);
    expect((await call("GET", `/custom-templates/${data.id}`)).status).toBe(404);
  });

  it.each([
    ["any", 200],
    ["off", 409],
  ] as const)("wants its machine in the state that templateNeeds specifies: %s", async (rule, whileOn) => {
    const { call, machineIn } = withTemplates({ templateNeeds: rule });
    const post = async (machineId: string) =>
      (await call("POST", "/custom-templates", { name: "golden", machineId })).status;
    expect(await post(await machineIn("ready"))).toBe(whileOn);
    expect(await post(await machineIn("off"))).toBe(200);
    expect(await post("psnothing")).toBe(404);
  });

  it.each([
    ["machine", true],
    ["null", false],
  ] as const)(
    "has an event whose machineId is as templateEventMachine specifies: %s",
    async (rule, isShown) => {
      const { clock, event, machineIn, make } = withTemplates({ templateEventMachine: rule });
      const id = await machineIn("ready");
      const { event: created } = await make(id);
      expect(created.machineId).toBe(isShown ? id : null);
      await clock.advance(90_000);
      expect((await event(created.id)).state).toBe("done");
    },
  );

  it("is billed, so that a team in bad standing cannot have one", async () => {
    const { sim, call, machineIn } = withTemplates();
    const machineId = await machineIn("off");
    sim.console.setStanding("te-alpha", false);
    expect((await call("POST", "/custom-templates", { name: "x", machineId })).status).toBe(412);
  });
});

describe("a machine from a custom template", () => {
  it("has its system and runs on the types that the vendor's template at the root runs on", async () => {
    const { clock, machine, template, from } = withTemplates();
    const { id, availableMachineTypes } = await template({ templateId: "tdesk22u" });
    expect(availableMachineTypes).toContainEqual({ machineTypeLabel: "H100", isAvailable: false });
    expect(refusal(await from(id, { machineType: "H100" })).code).toBe("BAD_REQUEST");
    const { data } = (await from(id)).json as Written;
    await clock.advance(120_000);
    expect(await machine(data.id)).toMatchObject({
      state: "ready",
      os: "Ubuntu 22.04",
      agentType: "LinuxDesktop",
    });
  });

  it("can become a template itself, and be resized after its own was deleted", async () => {
    const { clock, call, ok, sim, make, template, from } = withTemplates();
    const first = await template({ templateId: "tdesk22u" });
    const { data } = (await from(first.id)).json as Written;
    await clock.advance(120_000);
    expect((await make(data.id, "second")).data.agentType).toBe("LinuxDesktop");
    await ok("DELETE", `/custom-templates/${first.id}`);
    sim.console.setState(data.id, "off");
    expect((await call("PUT", `/machines/${data.id}`, { machineType: "A5000" })).status).toBe(200);
    expect((await call("PUT", `/machines/${data.id}`, { machineType: "H100" })).status).toBe(400);
  });

  it("is refused in another region, for another team, and once the template is deleted", async () => {
    const { call, ok, template, from } = withTemplates();
    const { id } = await template();
    expect(refusal(await from(id, { region: "ca1" })).code).toBe("NOT_FOUND");
    expect((await call("POST", "/machines", { ...MACHINE, templateId: id }, BETA)).status).toBe(404);
    await ok("DELETE", `/custom-templates/${id}`);
    expect((await from(id)).status).toBe(404);
  });

  it.each([
    ["error", 409],
    ["accept", 200],
  ] as const)(
    "before the template is done is treated as unfinishedTemplate specifies: %s",
    async (rule, status) => {
      const { machineIn, make, from } = withTemplates({ unfinishedTemplate: rule });
      const { data } = await make(await machineIn("ready"));
      expect((await from(data.id)).status).toBe(status);
    },
  );
});
