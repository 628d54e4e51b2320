import { describe, expect, it } from "vitest";
import { type Handler, PluginEnv, page } from "../../test/plugin/plugin-env.ts";

const types = (...labels: string[]) =>
  labels.map((label) => ({ machineTypeLabel: label.replace("!", ""), isAvailable: !label.endsWith("!") }));

const OS = [
  {
    id: "t0nspur5",
    name: "Ubuntu 22.04 Server",
    operatingSystemLabel: "Ubuntu 22.04",
    defaultSizeGb: 50,
    availableMachineTypes: types("C10", "C7", "A4000"),
  },
  {
    id: "twin10vd",
    name: "Windows 10",
    operatingSystemLabel: "Windows",
    defaultSizeGb: null,
    availableMachineTypes: types("C10!", "C7", "H100!"),
  },
];
const CUSTOM = [
  {
    id: "tmine",
    name: "with drivers",
    operatingSystemLabel: "Ubuntu 22.04",
    defaultSizeGb: 100,
    region: "ny2",
  },
  { id: "tgone", name: "deleted", dtDeleted: "2026-01-01T00:00:00Z" },
  { id: "tlive", name: "\u001b]0;title\u0007live", dtDeleted: {} },
];

const API: Handler = ({ path, query }) => {
  switch (path) {
    case "/os-templates":
      return page(...OS);
    case "/custom-templates":
      return page(...CUSTOM);
    case "/teams/team-of-key-of-the-namespace/users":
      return query.after
        ? page({
            user: { id: "u2", email: "grace@x.example", firstName: null },
            isAdmin: true,
            dtConfirmed: null,
          })
        : {
            body: {
              hasMore: true,
              nextPage: "2",
              items: [
                {
                  user: { id: "u1", email: "ada@x.example", firstName: "Ada", lastName: "L." },
                  isOwner: true,
                  dtConfirmed: "2025-01-01T00:00:00Z",
                },
              ],
            },
          };
    case "/private-networks":
      return page(
        {
          id: "n1",
          name: "lab",
          region: "ny2",
          network: "10.0.0.0",
          netmask: "255.0.0.0",
          dtCreated: "2026-01-30T08:00:00Z",
        },
        { id: "n2", name: "Lab two", region: "East Coast (NY2)" },
        { id: "n3", name: "far", region: "ams1" },
      );
    case "/startup-scripts":
      return page({
        id: "s1",
        name: "setup",
        isEnabled: true,
        isRunOnce: false,
        assignedMachineIds: ["ps1", "ps2"],
      });
    case "/projects":
      return page({
        id: "p1",
        name: "Inference",
        repoUrl: null,
        dtCreated: "2026-01-31T07:15:00Z",
        dtDeleted: null,
      });
    case "/container-registries":
      return page({
        id: "r1",
        name: "ghcr",
        kind: "ghcr",
        url: "https://ghcr.io",
        namespace: "acme",
        password: "hunter2",
      });
    case "/machine-availability":
      if (query.machineType === "H100") return undefined;
      return { body: { available: query.machineType === "A4000" } };
    default:
      return undefined;
  }
};

async function shown(line: string): Promise<string> {
  const plugin = new PluginEnv({ handle: API });
  await plugin.secret();
  expect([await plugin.run(line), plugin.err]).toEqual([0, ""]);
  return `\n${plugin.out}`;
}

describe("tables", () => {
  it("show the vendor's templates and the team's existing ones, without control sequences", async () => {
    expect(await shown("list templates")).toMatchInlineSnapshot(`
      "
      ID         NAME                  OS             SIZE     KIND     REGION
      tlive      ]0;title live         <none>         <none>   custom   <none>
      t0nspur5   Ubuntu 22.04 Server   Ubuntu 22.04   50Gi     os       <none>
      twin10vd   Windows 10            Windows        <none>   os       <none>
      tmine      with drivers          Ubuntu 22.04   100Gi    custom   ny2
      "
    `);
  });

  it("show types in numeric order, with the templates that run on each", async () => {
    expect(await shown("list types")).toMatchInlineSnapshot(`
      "
      TYPE    TEMPLATES
      A4000   1/1
      C7      2/2
      C10     1/2
      H100    0/1
      "
    `);
  });

  it("show members of the team over all pages, also those who have not confirmed yet", async () => {
    expect(await shown("list users")).toMatchInlineSnapshot(`
      "
      ID   EMAIL             NAME     ROLE    CONFIRMED
      u1   ada@x.example     Ada L.   owner   true
      u2   grace@x.example   <none>   admin   false
      "
    `);
  });

  it("show networks of a region in both of its spellings", async () => {
    expect(await shown("list networks --region NY2")).toMatchInlineSnapshot(`
      "
      ID   NAME      REGION             NETWORK    NETMASK     AGE
      n1   lab       ny2                10.0.0.0   255.0.0.0   1d
      n2   Lab two   East Coast (NY2)   <none>     <none>      <none>
      "
    `);
  });

  it("show scripts, projects and registries, and no password", async () => {
    const tables = [
      await shown("list scripts"),
      await shown("list projects"),
      await shown("list registries"),
    ];
    expect(tables.join("")).toMatchInlineSnapshot(`
      "
      ID   NAME    ENABLED   RUN-ONCE   MACHINES   AGE
      s1   setup   true      false      2          <none>

      ID   NAME        REPOSITORY   AGE
      p1   Inference   <none>       45m

      ID   NAME   KIND   URL               NAMESPACE   USERNAME   AGE
      r1   ghcr   ghcr   https://ghcr.io   acme        <none>     <none>
      "
    `);
    expect(await shown("list registries -o json")).not.toContain("hunter2");
  });
});

describe("--available", () => {
  it("reads the availability of the shown types only, and shows unknown where there is no answer", async () => {
    const plugin = new PluginEnv({ handle: API });
    await plugin.secret();
    await plugin.run("list types --name 00 --available --region ca1");
    expect(`\n${plugin.out}`).toMatchInlineSnapshot(`
      "
      TYPE    TEMPLATES   FREE-IN-CA1
      A4000   1/1         true
      H100    0/1         unknown
      "
    `);
    const availability = plugin.requests.filter(({ path }) => path === "/machine-availability");
    expect(availability.map(({ query }) => query)).toEqual([
      { machineType: "A4000", region: "ca1" },
      { machineType: "H100", region: "ca1" },
    ]);
  });
});

describe("--name and --output", () => {
  it("finds a part of the name in either case; of users, of the address too", async () => {
    expect(await shown("list templates --name UBUNTU -o name")).toBe("\nt0nspur5\n");
    expect(await shown("list users --name grace -o name")).toBe("\nu2\n");
  });

  it("prints what a spec takes: a registry's name, a type's label, else the id", async () => {
    expect(await shown("list registries -o name")).toBe("\nghcr\n");
    expect(await shown("list types -o name")).toBe("\nA4000\nC7\nC10\nH100\n");
    expect(await shown("list projects -o=name")).toBe("\np1\n");
  });

  it("prints JSON with the API's own names and escaped control characters", async () => {
    const json = await shown("list templates -o json");
    expect(JSON.parse(json)).toEqual(
      expect.arrayContaining([
        {
          id: "tmine",
          name: "with drivers",
          operatingSystemLabel: "Ubuntu 22.04",
          agentType: null,
          defaultSizeGb: 100,
          region: "ny2",
          dtCreated: null,
          kind: "custom",
        },
      ]),
    );
    expect(json).toContain("\\u001b]0;");
    expect(await shown("list projects --name nothing -o json")).toBe("\n[]\n");
  });

  it("reports on standard error that nothing was found, so that a pipe gets nothing", async () => {
    const plugin = new PluginEnv({ handle: API });
    await plugin.secret();
    expect(await plugin.run("list networks --name nothing")).toBe(0);
    expect([plugin.out, plugin.err]).toEqual(["", "No networks found.\n"]);
  });
});

describe("a failure between two pages", () => {
  it("is an error and prints no partial list", async () => {
    const plugin = new PluginEnv({
      handle: ({ path, query }) =>
        path !== "/projects"
          ? undefined
          : query.after
            ? { status: 403, body: { code: "FORBIDDEN", message: "no more" } }
            : { body: { hasMore: true, nextPage: "x", items: [{ id: "p1", name: "one" }] } },
    });
    await plugin.secret();
    expect(await plugin.run("list projects")).toBe(1);
    expect([plugin.out, plugin.err]).toEqual([
      "",
      "error: GET /projects: refused with 403 FORBIDDEN: no more\n",
    ]);
  });
});
