-- Health of a PaperspaceMachine or PaperspaceDeployment in Argo CD, from its conditions; the same script for both.
-- Lua 5.1, and of its functions only ipairs and tonumber: Argo CD loads no library by itself.
local metadata = obj.metadata or {}
local status = obj.status or {}

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

-- The condition, where it is True.
local function so(type)
  local condition = conditions[type]
  if condition ~= nil and condition.status == "True" then
    return condition
  end
  return nil
end

local function health(code, condition, otherwise)
  local message = otherwise
  if condition ~= nil and condition.message ~= nil and condition.message ~= "" then
    message = condition.message
  end
  return { status = code, message = message }
end

if metadata.deletionTimestamp ~= nil then
  if so("Stalled") then
    return health("Degraded", so("Stalled"), "the deletion is blocked")
  end
  return health("Progressing", so("Reconciling"), "being deleted")
end

-- Before the generation: what is paused does not look at a changed spec.
if so("Paused") then
  return health("Suspended", so("Paused"), "paused")
end

-- Not looked at yet, or the spec has changed since: what the conditions say is old.
local generation = tonumber(metadata.generation or 0)
if tonumber(status.observedGeneration or -1) ~= generation then
  return health("Progressing", nil, "waiting for the operator to look at it")
end

if so("Reconciling") then
  return health("Progressing", so("Reconciling"), "at work")
end
if so("Stalled") then
  return health("Degraded", so("Stalled"), "stalled")
end
local ready = so("Ready")
if ready and tonumber(ready.observedGeneration or -1) == generation then
  -- It comes back by itself.
  if ready.reason == "ScheduledOff" then
    return health("Suspended", ready, "off by its schedule")
  end
  return health("Healthy", ready, "as declared")
end
return health("Progressing", conditions["Ready"], "not ready yet")
