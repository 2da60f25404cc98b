package import Core

/// The programme: phases in order, each with offsets from the start, an exit gate and a playbook where one exists.
package struct Roadmap: Sendable {
    package struct Phase: Sendable {
        package var id: String
        package var number: Int
        package var name: String
        package var start: Duration
        package var due: Duration?
        /// Nothing where the document says `playbook: none`: printed as "not in this version".
        package var playbook: SubPlaybook?
        /// Asked when the playbook is done, over its `outputs`; a phase without one ends with its playbook.
        package var exit: Gate?

        package init(
            id: String,
            number: Int,
            name: String,
            start: Duration,
            due: Duration? = nil,
            playbook: SubPlaybook? = nil,
            exit: Gate? = nil
        ) {
            self.id = id
            self.number = number
            self.name = name
            self.start = start
            self.due = due
            self.playbook = playbook
            self.exit = exit
        }
    }

    package var id: String
    package var name: String
    package var version: String
    package var summary: String?
    package var owner: String?
    package var digest: Digest
    package var source: [UInt8]
    package var file: String
    /// What whoever starts the programme may give; phases pass it on in `with`.
    package var inputs: [InputDeclaration]
    /// The day on which the programme starts, from which offsets count; nothing for the start of the run.
    package var start: CivilDate?
    package var phases: [Phase]

    package init(
        id: String,
        name: String,
        version: String,
        summary: String? = nil,
        owner: String? = nil,
        digest: Digest,
        source: [UInt8],
        file: String,
        inputs: [InputDeclaration] = [],
        start: CivilDate? = nil,
        phases: [Phase]
    ) {
        self.id = id
        self.name = name
        self.version = version
        self.summary = summary
        self.owner = owner
        self.digest = digest
        self.source = source
        self.file = file
        self.inputs = inputs
        self.start = start
        self.phases = phases
    }

    /// The roadmap as a plan that the engine runs: a sub-playbook and an exit gate a phase, in order.
    package var plan: Plan {
        var steps: [PlannedStep] = []
        var previous: [StepID] = []
        for phase in phases {
            guard let playbook = phase.playbook else { continue }
            let place = Place(file: file, line: 1, column: 1)
            let id = StepID(phase.id)
            steps.append(
                PlannedStep(
                    id: id,
                    name: .literal(.string(phase.name)),
                    kind: .playbook(playbook),
                    needs: previous,
                    place: place
                )
            )
            previous = [id]
            guard var exit = phase.exit else { continue }
            exit.subject = id
            let gate = StepID(phase.id + "_exit")
            steps.append(
                PlannedStep(
                    id: gate,
                    name: .literal(.string(phase.name + ": exit gate")),
                    kind: .gate(exit),
                    needs: [id],
                    place: place
                )
            )
            previous = [gate]
        }
        return Plan(
            id: id,
            name: name,
            version: version,
            summary: summary,
            owner: owner,
            digest: digest,
            source: source,
            file: file,
            inputs: inputs,
            steps: steps
        )
    }
}
