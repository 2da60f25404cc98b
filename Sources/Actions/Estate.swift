package import Core
import Inspection
package import Ledger
package import Playbooks
import Survey
package import Workspace

/// What the actions of one workspace share: its ledger, its configuration, and how secrets are told apart.
package struct Estate: Sendable {
    package var ledger: Ledger
    package var folder: WorkspaceFolder
    package var configuration: Workspace.Configuration
    package var marker: WorkspaceMarker
    package var clock: any WallClock
    /// The name of this machine, part of the key of what it starts.
    package var host: String
    /// The home folders of this machine that bare discovery looks at, by user.
    package var homes: [(path: String, user: String)]
    /// The keyed digest of a secret; never the secret.
    package var secretDigest: @Sendable (String) -> String

    package init(
        ledger: Ledger,
        folder: WorkspaceFolder,
        configuration: Workspace.Configuration,
        marker: WorkspaceMarker,
        clock: any WallClock,
        host: String,
        homes: [(path: String, user: String)],
        secretDigest: @escaping @Sendable (String) -> String
    ) {
        self.ledger = ledger
        self.folder = folder
        self.configuration = configuration
        self.marker = marker
        self.clock = clock
        self.host = host
        self.homes = homes
        self.secretDigest = secretDigest
    }

    /// The ids that `lockstep.yaml` gives: by the URL and by each alias of a server.
    package var declaredNames: [String: ServerID] {
        var names: [String: ServerID] = [:]
        for server in configuration.servers {
            for name in [server.id.text] + server.aliases { names[name] = server.id }
            if let url = server.url.flatMap({ CanonicalKey.url($0) }) { names[url] = server.id }
        }
        return names
    }

    /// Stores what a look found and gives owners that `lockstep.yaml` already names.
    package func record(_ result: SurveyResult, key: String, label: String) throws(LedgerError) -> ScanSummary {
        var result = result
        for sighting in result.sightings {
            for definition in sighting.description?.definitions ?? [] where definition.kind == .tool {
                result.findings += PoisonSignals.findings(of: definition, server: sighting.name)
            }
        }
        let summary = try ledger.record(
            result,
            key: key,
            label: label,
            at: clock.now(),
            names: declaredNames,
            change: { before, after in
                let difference = DefinitionDifference(from: before.body, to: after.body)
                guard after.kind == .tool, !difference.isEmpty else { return nil }
                let words = difference.changes.prefix(3).map(\.summary).joined(separator: "; ")
                // Whatever it means, somebody has approved another definition than the one that is there now.
                return (max(.medium, difference.severity), words)
            }
        )
        for server in configuration.servers {
            guard let owner = server.owner, let known = try ledger.server(server.id.text), known.owner == nil else {
                continue
            }
            try ledger.assign(known.id, owner: owner, criticality: server.criticality)
        }
        return summary
    }
}

extension Estate {
    /// An estate without a workspace, whose ledger is in memory: for checking playbooks and for looks that are not kept.
    package static func detached(
        host: String,
        homes: [(path: String, user: String)]
    ) throws(LedgerError) -> Estate {
        let clock = SystemClock()
        return Estate(
            ledger: try Ledger.inMemory(),
            folder: WorkspaceFolder(root: "/nonexistent"),
            configuration: Workspace.Configuration(digest: .sha256([])),
            marker: WorkspaceMarker(created: clock.now()),
            clock: clock,
            host: host,
            homes: homes,
            // Without a workspace there is no key, and a digest without a key could be guessed.
            secretDigest: { _ in "" }
        )
    }

    /// Everything that playbooks may use in this version, joined with this workspace.
    package var catalogue: Catalogue {
        Catalogue(
            actions: [
                DiscoverConfigurations(estate: self), DiscoverProcesses(estate: self), DiscoverNetwork(estate: self),
                DiscoverModels(estate: self), DiscoverLaunch(estate: self), DiscoverProbe(estate: self),
                SnapshotInventory(estate: self), CompareInventory(estate: self), AssignServer(estate: self),
                ExportInventory(estate: self), ImportTraffic(estate: self), MinePolicy(estate: self),
                ReplayPolicy(estate: self), ExportPolicy(estate: self), RemoveExport(estate: self),
                ReleasePolicy(estate: self), ReportProgress(estate: self), RunHook(estate: self),
                DeployGateway(estate: self), SetGatewayMode(estate: self), DeployPolicy(estate: self),
                RestoreGateway(estate: self), RecordTraffic(estate: self), SendCanaries(estate: self),
            ],
            metrics: InventoryMetric.Quantity.allCases.map { InventoryMetric(quantity: $0, estate: self) }
                + [MissingRecordings(estate: self), RecordedTraffic(estate: self), WouldDeny(estate: self)]
        )
    }
}

extension StepError {
    /// A failure of the ledger as a step sees it: a busy one is worth another try.
    init(_ error: LedgerError) {
        self.init(error.code == .busy ? .transient : .permanent, error.message)
    }

    /// Any failure below an action as its step sees it; what has no words for people gets `fallback`.
    init(_ error: any Error, otherwise fallback: String) {
        switch error {
        case let error as StepError: self = error
        case let error as LedgerError: self.init(error)
        case let error as WorkspaceError: self.init(.permanent, error.message, help: error.help)
        default: self.init(.permanent, fallback)
        }
    }
}

extension JSON.Object {
    /// The texts of a list parameter; nothing if it was not given.
    func texts(_ name: String) -> [String]? {
        guard let list = self[name]?.array else { return self[name]?.string.map { [$0] } }
        return list.map { $0.string ?? $0.int.map { String($0) } ?? "" }
    }
}
