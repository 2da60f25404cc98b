import Core
import Playbooks

/// The actions and metrics that the cases use, with the schemas of this version and no work behind them.
struct ExampleAction: StepAction {
    let schema: ActionSchema

    func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult { ActionResult(outputs: [:]) }
}

struct ExampleMetric: MetricSource {
    let schema: MetricSchema

    func measure(_ parameters: JSON.Object, now: Timestamp) async throws(StepError) -> Double { 0 }
}

extension Catalogue {
    private static let gateways = ActionSchema.Parameter(
        "gateways",
        .list,
        items: .string,
        isRequired: true,
        summary: "The gateways."
    )

    private static func action(
        _ name: String,
        _ effect: ActionSchema.Effect = .read,
        _ parameters: [ActionSchema.Parameter] = [],
        gives outputs: [(name: String, type: ValueType)] = [],
        isAdditive: Bool = false
    ) -> ExampleAction {
        ExampleAction(
            schema: ActionSchema(
                name: ActionName(name),
                summary: "Does \(name).",
                effect: effect,
                isAdditive: isAdditive,
                parameters: parameters,
                outputs: outputs
            )
        )
    }

    private static let found: [(name: String, type: ValueType)] = [("servers", .list), ("count", .integer)]
    private static let token = ActionSchema.Parameter("token", .string, isSecret: true, summary: "A bearer token.")
    private static let timeout = ActionSchema.Parameter("timeout", .duration, summary: "How long one answer may take.")

    static let example = Catalogue(
        actions: [
            action(
                "discovery.configurations",
                .read,
                [.init("homes", .list, items: .string, summary: "Home folders.")],
                gives: found
            ),
            action(
                "discovery.network",
                .read,
                [
                    .init("hosts", .list, items: .string, isRequired: true, summary: "Hosts or CIDR ranges."),
                    .init("ports", .list, items: .integer, isRequired: true, summary: "Ports."), timeout,
                    .init("rate", .integer, summary: "Probes a second."),
                ],
                gives: found
            ),
            action("discovery.processes", gives: found),
            action("discovery.models", gives: found),
            action("discovery.launch", .read, [timeout, token], gives: found),
            action(
                "discovery.probe",
                .read,
                [.init("servers", .list, isRequired: true, summary: "Servers."), token],
                gives: found
            ),
            action(
                "inventory.snapshot",
                .read,
                [.init("name", .string, summary: "Its name.")],
                gives: [
                    ("snapshot", .string), ("servers", .list), ("server_count", .integer), ("inventory_at", .string),
                    ("inventory", .list), ("findings", .list), ("digest", .string),
                ]
            ),
            action(
                "traffic.import",
                .change,
                [
                    .init("files", .list, items: .string, isRequired: true, summary: "Recordings."),
                    .init("path", .string, summary: "The file that is written, unless it is the store."),
                    .init("results", .string, allowed: ["provenance", "digests", "full"], summary: "What is kept."),
                    .init("map", .list, items: .string, summary: "Which column holds what."),
                ],
                gives: [("recording", .string), ("gaps", .list)],
                isAdditive: true
            ),
            action(
                "policy.mine",
                .change,
                [
                    .init("recordings", .list, items: .string, isRequired: true, summary: "Recordings."),
                    .init("scope", .string, allowed: ["agent", "task"], summary: "By agent, or by task too."),
                    .init("name", .string, summary: "The name of the policy."),
                    .init("baseline", .string, summary: "The policy as it is."),
                    .init("path", .string, isRequired: true, summary: "The file that is written."),
                ],
                gives: [
                    ("policy", .string), ("digest", .string), ("rules", .integer), ("sessions", .integer),
                    ("more_sessions", .integer), ("would_deny", .number), ("weakest", .string), ("basis", .list),
                    ("questions", .list),
                    ("decisions", .list),
                    ("open", .integer), ("review", .list), ("difference", .list),
                ],
                isAdditive: true
            ),
            action(
                "policy.replay",
                .read,
                [
                    .init("policy", .string, isRequired: true, summary: "The policy."),
                    .init("digest", .string, summary: "What it must be."),
                    .init("recordings", .list, items: .string, isRequired: true, summary: "Recordings."),
                ],
                gives: [("calls", .integer), ("denied", .integer), ("denied_share", .number)]
            ),
            action(
                "policy.release",
                .change,
                [
                    .init("policy", .string, isRequired: true, summary: "The policy."),
                    .init("approval", .string, isRequired: true, summary: "The approval step."),
                    .init("path", .string, isRequired: true, summary: "The file that is written."),
                ],
                gives: [("release", .string), ("expires", .string)],
                isAdditive: true
            ),
            action(
                "gateway.deploy",
                .change,
                [
                    gateways,
                    .init("servers", .list, items: .string, summary: "The servers behind them."),
                    .init("listen", .string, summary: "Where they listen."),
                    .init("declared", .string, summary: "Whom callers are taken for."),
                    .init("start", .boolean, summary: "Whether they are started."),
                ],
                gives: [("modes", .map)],
                isAdditive: true
            ),
            action(
                "gateway.mode",
                .change,
                [gateways, .init("mode", .string, isRequired: true, summary: "The mode.")],
                gives: [("since", .string)]
            ),
            action(
                "gateway.restore",
                .change,
                [.init("step", .string, isRequired: true, isName: true, summary: "The step that is undone.")],
                isAdditive: true
            ),
            action(
                "gateway.canary",
                .change,
                [
                    gateways,
                    .init("as", .string, isRequired: true, summary: "The agent."),
                    .init("attacks", .list, items: .map, isRequired: true, summary: "Calls that must be denied."),
                    .init("benign", .list, items: .map, summary: "Calls that must pass."),
                ],
                gives: [("reasons", .list)],
                isAdditive: true
            ),
            action(
                "policy.deploy",
                .change,
                [gateways, .init("release", .string, isRequired: true, summary: "The release.")],
                gives: [("policy", .string), ("since", .string)]
            ),
            action("traffic.record", .change, [gateways], gives: [("recording", .string)], isAdditive: true),
            action(
                "inventory.diff",
                .read,
                [
                    .init("from", .string, summary: "The earlier snapshot."),
                    .init("to", .string, isRequired: true, summary: "The later snapshot."),
                ],
                gives: [("added", .list), ("removed", .list), ("changed", .list), ("news", .integer)]
            ),
            action(
                "inventory.assign",
                .change,
                [
                    .init("server", .string, isRequired: true, summary: "The server."),
                    .init("owner", .string, isRequired: true, refersTo: .principal, summary: "Its owner."),
                    .init(
                        "criticality",
                        .string,
                        allowed: ["low", "medium", "high", "critical"],
                        summary: "How much depends on it."
                    ),
                ]
            ),
            action(
                "inventory.export",
                .read,
                [
                    .init(
                        "format",
                        .string,
                        isRequired: true,
                        allowed: ["json", "csv", "cyclonedx"],
                        summary: "The format."
                    ),
                    .init("path", .string, isRequired: true, summary: "The file."),
                ],
                gives: [("path", .string)]
            ),
            action(
                "report.progress",
                .read,
                [
                    .init(
                        "formats",
                        .list,
                        items: .string,
                        isRequired: true,
                        allowed: ["md", "json", "html"],
                        summary: "The formats."
                    )
                ],
                gives: [("report", .artifact)]
            ),
            action(
                "exec.run",
                .change,
                [
                    .init(
                        "hook",
                        .string,
                        isRequired: true,
                        isName: true,
                        refersTo: .hook,
                        summary: "the name of a hook in `lockstep.yaml`"
                    ),
                    .init("with", .map, summary: "What the hook is given."), token,
                ],
                gives: [("output", .string)]
            ),
        ],
        metrics: [
            metric("inventory.servers"), metric("inventory.unowned"), metric("inventory.unreviewed"),
            metric("inventory.coverage"),
            metric("traffic.recorded", [gateways, .init("of", .string, summary: "What is counted.")]),
            metric(
                "policy.would_deny",
                [
                    gateways, .init("of", .string, summary: "What is counted."),
                    .init("policy", .string, summary: "The policy."), .init("since", .string, summary: "From when on."),
                ]
            ),
            metric(
                "traffic.missing",
                [.init("files", .list, items: .string, isRequired: true, summary: "Recordings.")]
            ),
            metric("inventory.news", [.init("since", .string, summary: "The snapshot.")]),
            metric(
                "inventory.findings",
                [
                    .init(
                        "severity",
                        .string,
                        allowed: ["low", "medium", "high", "critical"],
                        summary: "The least severity."
                    )
                ]
            ),
        ]
    )

    private static func metric(_ name: String, _ parameters: [ActionSchema.Parameter] = []) -> ExampleMetric {
        ExampleMetric(
            schema: MetricSchema(name: name, summary: "Counts \(name).", unit: "count", parameters: parameters)
        )
    }
}

extension Surroundings {
    /// The workspace of the cases that begin with `# workspace: example`.
    static let example = Surroundings(
        people: ["ana", "ben", "cleo", "dora"],
        groups: [
            ("security-leads", ["ana", "ben"]), ("ciso", ["cleo"]), ("everybody", ["ana", "ben", "cleo", "dora"]),
            ("nobody", []),
        ],
        hooks: ["revoke_token", "tell_team"]
    )
}
