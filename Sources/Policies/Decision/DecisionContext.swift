package import Core

/// What a decision may look at besides the call itself.
package struct DecisionContext: Sendable {
    /// The time of the call; without it a rule that expires or has hours does not grant.
    package var now: Timestamp?
    /// The agent to which the principal belongs, where the inventory knows it.
    package var agent: String?
    /// The arguments as they were sent, for conditions that people write; without them `call.args` is an error.
    package var arguments: JSON.Object?
    /// Classes of the data that the tool handles.
    package var dataClasses: [String]
    /// Address from which the call came.
    package var source: String?
    /// What posture checks say of the client.
    package var posture: String?
    /// Whether the task is more than the agent's own word.
    ///
    /// A task that is only declared can narrow: the call must pass without it as well.
    package var isTaskProven: Bool
    /// Whether a call whose tool definition is unknown is refused where the rule was made for a certain one.
    package var needsDefinition: Bool

    package init(
        now: Timestamp? = nil,
        agent: String? = nil,
        arguments: JSON.Object? = nil,
        dataClasses: [String] = [],
        source: String? = nil,
        posture: String? = nil,
        isTaskProven: Bool = true,
        needsDefinition: Bool = false
    ) {
        self.now = now
        self.agent = agent
        self.arguments = arguments
        self.dataClasses = dataClasses
        self.source = source
        self.posture = posture
        self.isTaskProven = isTaskProven
        self.needsDefinition = needsDefinition
    }
}
