"""Judges of exported policies: each asks somebody else's engine about one recorded call.

Run as a script over folders of exports and calls it prints, per target, how the verdicts agree:

    python export_judges.py [TARGET...] FOLDER...

where a folder holds `calls.ndjson` (agent, server, tool, arguments, verdict, rule, usual) and a folder for each target.
"""

from __future__ import annotations

import ast
import collections
import functools
import json
import re
import subprocess
import sys
from pathlib import Path

KINDS = {"to": "string", "body": "string", "amount": "number", "when": "strings", "flag": "boolean", "list": "other",
         "more": "integer"}


class NotServed(Exception):
    """The call contradicts its tool's own schema, and a gateway that reads it refuses the call."""


def part(name: str | None) -> str:
    if name is None:
        return "%others"
    plain = re.sub(rb"[^a-z0-9._-]", lambda byte: b"%%%02X" % byte[0][0], name.encode())
    return "%73tatement" if plain == b"statement" else plain.decode() or "%"


def decimal(number: float) -> dict:
    return {"__extn": {"fn": "decimal", "arg": f"{int(number * 10_000) / 10_000:.4f}"}}


class JSONSchema:
    def __init__(self, folder: Path):
        self.folder = folder
        self.agents = {path.name for path in folder.iterdir() if path.is_dir()}

    @functools.cache
    def validator(self, agent: str, server: str, tool: str):
        import jsonschema

        agent = part(agent) if part(agent) in self.agents else part(None)
        path = self.folder / agent / part(server) / (part(tool) + ".json")
        if not path.exists():
            return None
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        return jsonschema.Draft202012Validator(schema)

    def allows(self, call: dict) -> bool:
        validator = self.validator(call["agent"], call["server"], call["tool"])
        return validator is not None and validator.is_valid(call["arguments"])


class Progent:
    """As Progent's own `check_tool_call`: the first rule of a tool decides, only named arguments are looked at."""

    def __init__(self, folder: Path):
        self.policies = {path.stem: json.loads(path.read_text()) for path in folder.iterdir() if path.stem != "statement"}

    @functools.cache
    def validators(self, agent: str, tool: str):
        import jsonschema

        policy = self.policies.get(part(agent), self.policies.get(part(None), {}))
        if tool not in policy:
            return None
        (_, effect, restrictions, _), = policy[tool]
        assert effect == 0
        return {name: jsonschema.Draft202012Validator(schema) for name, schema in restrictions.items()}

    def allows(self, call: dict) -> bool:
        validators = self.validators(call["agent"], call["tool"])
        if validators is None:
            return False
        return all(validators[name].is_valid(value) for name, value in call["arguments"].items() if name in validators)


class Rego:
    def __init__(self, folder: Path):
        import regopy

        self.engine = regopy.Interpreter()
        self.engine.add_module("lockstep", (folder / "lockstep.rego").read_text())
        # This engine does not undo the escapes of JSON.
        self.engine.add_data_json(json.dumps(json.loads((folder / "data.json").read_text()), ensure_ascii=False))

    def allows(self, call: dict) -> bool:
        asked = {name: call[name] for name in ("agent", "server", "tool", "arguments")}
        self.engine.set_input_term(json.dumps(asked, ensure_ascii=False))
        try:
            text = str(self.engine.query("data.lockstep.authz.allow"))
        except json.JSONDecodeError:
            # How this engine answers where it stumbles, for example over `1e+300`.
            return False
        # Undefined, where `default` should have answered.
        return text != "undefined" and json.loads(text)["expressions"] == [True]


class CedarToolHive:
    """As `preprocessArguments` and `convertToCedarValue` of ToolHive hand a call over."""

    def __init__(self, folder: Path):
        import cedarpy

        self.cedar = cedarpy
        self.policies = {}
        for path in folder.iterdir():
            if path.stem != "statement":
                texts = json.loads(path.read_text())["cedar"]["policies"]
                self.policies[path.stem] = "\n".join(texts)

    def allows(self, call: dict) -> bool:
        policies = self.policies.get(part(call["server"]))
        if policies is None:
            return False
        context = {}
        for name, value in call["arguments"].items():
            if isinstance(value, (str, bool)):
                context["arg_" + name] = value
            elif isinstance(value, (int, float)):
                if abs(value) < 9e14:
                    context["arg_" + name] = decimal(value)
            else:
                context[f"arg_{name}_present"] = True
        answer = self.cedar.is_authorized(
            {"principal": f'Client::{json.dumps(call["agent"])}', "action": 'Action::"call_tool"',
             "resource": f'Tool::{json.dumps(call["tool"])}', "context": context}, policies, [])
        return answer.allowed and not answer.diagnostics.errors


class CedarTyped:
    """AgentCore and cedar-for-agents: a call that its tool's schema refuses never reaches the policies."""

    def __init__(self, folder: Path):
        import cedarpy

        self.cedar, self.folder = cedarpy, folder
        self.agentcore = folder.name == "cedar-agentcore"
        self.text = (folder / ("agentcore.cedar" if self.agentcore else "policies.cedar")).read_text()
        self.policies = self.text if self.text.strip() else None

    @staticmethod
    def converted(name: str, value, kinds: dict[str, str]):
        kind = kinds.get(name)
        if kind == "string" and isinstance(value, str) or kind == "boolean" and isinstance(value, bool):
            return value
        if kind == "integer" and isinstance(value, int) and not isinstance(value, bool):
            return value
        if kind == "number" and isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 9e14:
            return decimal(value)
        if kind == "strings" and isinstance(value, list) and all(isinstance(one, str) for one in value):
            return value
        if kind == "other":
            return "present"
        raise NotServed(name)

    def allows(self, call: dict) -> bool:
        if self.policies is None:
            return False
        record = {name: self.converted(name, value, call.get("kinds", KINDS)) for name, value in call["arguments"].items()}
        name, tool, server = json.dumps(call["agent"]), call["tool"], call["server"]
        if self.agentcore:
            gateway = "arn:aws:bedrock-agentcore:REGION:ACCOUNT:gateway/NAME"
            request = {"principal": 'AgentCore::OAuthUser::"1"', "action": f'AgentCore::Action::"{server}___{tool}"',
                       "resource": f'AgentCore::Gateway::"{gateway}"', "context": {"input": record}}
            entities = [{"uid": {"type": "AgentCore::OAuthUser", "id": "1"}, "attrs": {}, "parents": [],
                         "tags": {"sub": call["agent"]}}]
        else:
            request = {"principal": f"Lockstep::Agent::{name}", "action": f'Lockstep::Action::"{tool}"',
                       "resource": f'Lockstep::McpServer::"{server}"', "context": {"input": record}}
            entities = []
        answer = self.cedar.is_authorized(request, self.policies, entities)
        return answer.allowed

    def faults(self, tools: list[str]) -> list[str]:
        """What the official generator's schema has against the policies."""
        import cedar_mcp_schema_generator as generator

        types = {"string": {"type": "string"}, "number": {"type": "number"}, "integer": {"type": "integer"},
                 "boolean": {"type": "boolean"}, "strings": {"type": "array", "items": {"type": "string"}},
                 "other": {"type": "object", "properties": {"name": {"type": "string"}}}}
        stub = (self.folder / "stub.cedarschema").read_text()
        described = [{"name": tool, "description": tool, "inputSchema": {
            "type": "object", "properties": {name: types[kind] for name, kind in KINDS.items()}}} for tool in tools]
        schema = generator.generate_schema_or_raise(
            stub, described, config={"numbersAsDecimal": True, "objectsAsRecords": True})["schema"]
        result = self.cedar.validate_policies(self.text, schema)
        return [] if result.validation_passed else [str(error) for error in result.errors]


class CELEnvoy:
    def __init__(self, folder: Path):
        import celpy

        self.celpy = celpy
        document = json.loads((folder / "mcproute.json").read_text())
        authorization = document["securityPolicy"]["authorization"]
        assert authorization["defaultAction"] == "Deny"
        self.rules = authorization["rules"]
        assert len(self.rules) <= 32
        environment = celpy.Environment()
        self.programs = []
        for rule in self.rules:
            assert len(rule["cel"]) <= 4096 and len(rule["target"]["tools"]) <= 16
            self.programs.append(environment.program(environment.compile(rule["cel"])))

    def allows(self, call: dict) -> bool:
        request = {"mcp": {"method": "tools/call", "tool": call["tool"], "backend": call["server"],
                           "params": {"name": call["tool"], "arguments": call["arguments"]}},
                   "auth": {"jwt": {"claims": {"sub": call["agent"]}}}}
        bindings = {"request": self.celpy.json_to_cel(request)}
        for rule, program in zip(self.rules, self.programs):
            if {"backend": call["server"], "tool": call["tool"]} not in rule["target"]["tools"]:
                continue
            try:
                if program.evaluate(bindings):
                    return True
            except self.celpy.CELEvalError:
                continue
        return False


class CELAgentgateway:
    def __init__(self, folder: Path):
        import celpy

        self.celpy = celpy
        rules = json.loads((folder / "mcp-authorization.json").read_text())["mcpAuthorization"]["rules"]
        assert rules
        environment = celpy.Environment()
        self.programs = [environment.program(environment.compile(rule)) for rule in rules]

    def allows(self, call: dict) -> bool:
        bindings = {"mcp": self.celpy.json_to_cel({"tool": {"target": call["server"], "name": call["tool"]}}),
                    "jwt": self.celpy.json_to_cel({"sub": call["agent"]})}
        return any(bool(program.evaluate(bindings)) for program in self.programs)


JUDGES = {"json-schema": JSONSchema, "progent": Progent, "rego": Rego, "cedar-toolhive": CedarToolHive,
          "cedar-agentcore": CedarTyped, "cedar": CedarTyped, "cel-envoy": CELEnvoy, "cel-agentgateway": CELAgentgateway}


def judge(target: str, folder: Path, calls: list[dict]) -> tuple[collections.Counter, list[str]]:
    """Counts of verdicts, and every call on which the engine and the statement disagree with us."""
    statement = json.loads((folder / "statement.json").read_text())
    exact = set(statement["exact"])
    delegates = any(d["effect"] == "assumed" and d["reason"] == "arguments" for d in statement["differences"])
    declared = any(d["effect"] == "assumed" and d["reason"] == "unruled-arguments" for d in statement["differences"])
    counted = any(d["effect"] == "assumed" and d["reason"] == "calls" for d in statement["differences"])
    engine = JUDGES[target](folder)
    counts, faults = collections.Counter(), []
    for call in calls:
        if declared and not set(call["arguments"]) <= set(call.get("declared", KINDS)):
            # The statement says that such a call never reaches the engine.
            counts["not served"] += 1
            continue
        try:
            ours, theirs = call["verdict"] == "allow", engine.allows(call)
        except NotServed:
            counts["not served"] += 1
            continue
        counts["calls"] += 1
        counts["agree"] += ours == theirs
        counts["allowed"] += ours
        counts["allowed by both"] += ours and theirs
        # ToolHive hands numbers beyond the range of a decimal over as absent; the statement says so.
        beyond = target.startswith("cedar") and any(
            isinstance(v, (int, float)) and abs(v) > 1e12 for v in call["arguments"].values())
        # The statement names another service that counts calls.
        spent = counted and call.get("reason") == "calls"
        if theirs and not ours and not delegates and not beyond and not spent:
            faults.append(f"wider: {json.dumps(call)[:600]}")
        if call["rule"] in exact and call["usual"] and not spent:
            counts["exact"] += 1
            counts["exact agree"] += ours == theirs
            if ours and not theirs:
                faults.append(f"not exact: {json.dumps(call)[:600]}")
    return counts, faults


def main(words: list[str]) -> int:
    targets = [word for word in words if word in JUDGES] or list(JUDGES)
    folders = [word for word in words if word not in JUDGES]
    totals, faults = collections.defaultdict(collections.Counter), []
    if "rego" in targets and len(folders) > 1:
        # After many policies in one process the engine ends it over its own memory.
        for folder in folders:
            done = subprocess.run([sys.executable, __file__, "rego", folder], capture_output=True, text=True)
            lines = done.stdout.splitlines()
            totals["rego"].update(ast.literal_eval(lines[0].split(maxsplit=1)[1]) if lines else {})
            faults += [line for line in lines[1:-1]] + ([] if lines else [f"{folder} rego failed: {done.stderr[-300:]}"])
        targets = [target for target in targets if target != "rego"]
    for folder in map(Path, folders):
        calls = [json.loads(line) for line in (folder / "calls.ndjson").read_text().splitlines()]
        for target in targets:
            try:
                counts, found = judge(target, folder / target, calls)
            except Exception as error:
                counts, found = {}, [f"failed: {error!r}"[:1500]]
            totals[target].update(counts)
            faults += [f"{folder.name} {target} {fault}" for fault in found]
        if "cedar" not in targets:
            continue
        for fault in CedarTyped(folder / "cedar").faults(sorted({call["tool"] for call in calls})):
            faults.append(f"{folder.name} cedar invalid: {fault}")
    for target, counts in totals.items():
        print(f"{target:17} {dict(counts)}")
    for fault in faults[:40]:
        print(fault)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
