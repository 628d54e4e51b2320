/**
 * For tests only: runs a health script as Argo CD does, with the object as the global `obj` and a table as the answer.
 * The interpreter speaks Lua 5.3 and Argo CD's speaks 5.1, so numbers are floats here as they are there, and of the
 * library nothing is left but what the script may use.
 */
import { createRequire } from "node:module";
import type { KubeObject } from "../../src/kube/objects.ts";

export interface Health {
  status: string;
  message: string;
}

type State = object;

/** The part of fengari that is used; it has no types. */
interface Fengari {
  to_luastring(text: string): Uint8Array;
  to_jsstring(text: Uint8Array): string;
  lua: {
    LUA_OK: number;
    lua_pushnil(L: State): void;
    lua_pushboolean(L: State, value: boolean): void;
    lua_pushnumber(L: State, value: number): void;
    lua_pushstring(L: State, value: Uint8Array): void;
    lua_pushvalue(L: State, index: number): void;
    lua_createtable(L: State, list: number, fields: number): void;
    lua_setfield(L: State, index: number, name: Uint8Array): void;
    lua_rawseti(L: State, index: number, n: number): void;
    lua_setglobal(L: State, name: Uint8Array): void;
    lua_getfield(L: State, index: number, name: Uint8Array): number;
    lua_pcall(L: State, given: number, results: number, handler: number): number;
    lua_tostring(L: State, index: number): Uint8Array | null;
    lua_istable(L: State, index: number): boolean;
    lua_settop(L: State, index: number): void;
  };
  lauxlib: {
    luaL_newstate(): State;
    luaL_requiref(L: State, name: Uint8Array, open: unknown, global: number): void;
    luaL_loadstring(L: State, text: Uint8Array): number;
  };
  lualib: { luaopen_base: unknown };
}

const { lua, lauxlib, lualib, to_luastring, to_jsstring } = createRequire(import.meta.url)(
  "fengari",
) as Fengari;

const FORGET_ALL_BUT = (names: readonly string[]) =>
  `local keep = {${names.map((name) => `${name} = true`).join(", ")}}
   local all = _G
   for name in pairs(all) do if not keep[name] then all[name] = nil end end`;

/** The script, compiled once. What it uses beyond `functions` is an error. */
export function luaHealth(script: string, functions: readonly string[]): (object: KubeObject) => Health {
  const L = lauxlib.luaL_newstate();
  lauxlib.luaL_requiref(L, to_luastring("_G"), lualib.luaopen_base, 1);
  load(L, FORGET_ALL_BUT(functions));
  call(L, 0);
  lua.lua_settop(L, 0);
  load(L, script);
  return (object) => {
    lua.lua_settop(L, 1);
    push(L, object);
    lua.lua_setglobal(L, to_luastring("obj"));
    lua.lua_pushvalue(L, 1);
    call(L, 1);
    if (!lua.lua_istable(L, -1)) throw new Error("the script returned no table");
    return { status: field(L, "status"), message: field(L, "message") };
  };
}

function load(L: State, text: string): void {
  if (lauxlib.luaL_loadstring(L, to_luastring(text)) !== lua.LUA_OK) throw failed(L);
}

function call(L: State, results: number): void {
  if (lua.lua_pcall(L, 0, results, 0) !== lua.LUA_OK) throw failed(L);
}

function failed(L: State): Error {
  const message = lua.lua_tostring(L, -1);
  return new Error(message ? to_jsstring(message) : "the script failed");
}

function field(L: State, name: string): string {
  lua.lua_getfield(L, -1, to_luastring(name));
  const text = lua.lua_tostring(L, -1);
  lua.lua_settop(L, -2);
  if (!text) throw new Error(`the script returned no ${name}`);
  return to_jsstring(text);
}

function push(L: State, value: unknown): void {
  if (value === null || value === undefined) return lua.lua_pushnil(L);
  if (typeof value === "boolean") return lua.lua_pushboolean(L, value);
  if (typeof value === "number") return lua.lua_pushnumber(L, value);
  if (typeof value === "string") return lua.lua_pushstring(L, to_luastring(value));
  const isList = Array.isArray(value);
  const entries = Object.entries(value as object);
  lua.lua_createtable(L, isList ? entries.length : 0, isList ? 0 : entries.length);
  entries.forEach(([key, one], index) => {
    push(L, one);
    if (isList) lua.lua_rawseti(L, -2, index + 1);
    else lua.lua_setfield(L, -2, to_luastring(key));
  });
}
