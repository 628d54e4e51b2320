import { describe, expect, it } from "vitest";
import { refusal, setUpConforming } from "../../../test/simulator/simulation.ts";
import type { Accessor } from "../world/records.ts";
import type { Page } from "./paging.ts";

interface Standing {
  isInGoodStanding: boolean;
  messages: string[];
}

describe("the account's standing", () => {
  it("can be read before anything is refused, with a message for the user", async () => {
    const { sim, call, ok } = setUpConforming();
    const standing = () => ok<Standing>("GET", "/billing/account-standing");
    expect(await standing()).toEqual({
      isInGoodStanding: true,
      hasPaymentMethod: true,
      isAdminLocked: false,
      messages: [],
    });
    sim.console.setStanding("te-alpha", false, ["Your card has expired"]);
    expect(await standing()).toMatchObject({ isInGoodStanding: false, messages: ["Your card has expired"] });
    sim.console.setStanding("te-alpha", true);
    expect(await standing()).toMatchObject({ isInGoodStanding: true, messages: [] });
    expect((await call("GET", "/billing/account-standing", undefined, null)).status).toBe(401);
  });

  it("may be absent, since only an old schema has the endpoint", async () => {
    const { call } = setUpConforming({ behaviour: { accountStandingEndpoint: "absent" } });
    expect(refusal(await call("GET", "/billing/account-standing")).code).toBe("NOT_FOUND");
  });
});

describe("members of a team", () => {
  const emails = async (ok: ReturnType<typeof setUpConforming>["ok"]) =>
    (await ok<Page<Accessor>>("GET", "/teams/te-alpha/users")).items.map((u) => u.user.email);

  it("come, and can have access from then on", async () => {
    const { sim, ok, machineIn } = setUpConforming();
    const id = await machineIn("ready");
    const user = sim.console.addUser("te-alpha", { email: "new@alpha.example", firstName: "Katherine" });
    expect(user).toMatchObject({ isAdmin: false, isOwner: false, dtConfirmed: expect.any(String) });
    expect(await emails(ok)).toContain("new@alpha.example");
    const accessor = await ok<Accessor>("POST", `/machines/${id}/accessors`, { userId: user.id });
    expect(accessor.user).toMatchObject({ id: user.id, firstName: "Katherine" });
    expect(() => sim.console.addUser("te-alpha", { id: user.id, email: "x@alpha.example" })).toThrow(
      /already/,
    );
  });

  it.each([
    ["gone", 404],
    ["dtDeleted", 200],
  ] as const)(
    "go, and with them their access, which then reads as removedAccessors specifies: %s",
    async (rule, status) => {
      const { sim, call, ok, create } = setUpConforming({ behaviour: { removedAccessors: rule } });
      const { data } = await create({ accessorIds: ["ualphauser1", "ualphaadmin"] });
      sim.console.removeUser("te-alpha", "ualphauser1");
      expect(await emails(ok)).not.toContain("user@alpha.example");
      expect(sim.console.state().machines[0]?.accessorIds).toEqual(["ualphaadmin"]);
      const path = `/machines/${data.id}/accessors`;
      const answer = await call("GET", `${path}/ualphauser1`);
      expect(answer.status).toBe(status);
      if (status === 200) expect((answer.json as Accessor).dtDeleted).not.toBeNull();
      expect((await call("POST", path, { userId: "ualphauser1" })).status).toBe(404);
      expect(() => sim.console.removeUser("te-alpha", "ualphauser1")).toThrow(/not in the team/);
    },
  );
});
