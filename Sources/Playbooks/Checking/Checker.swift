package import Core
import Documents
import Expressions

/// What came of checking one document.
package struct Checked: Sendable {
    package enum Document: Sendable {
        case playbook(Plan)
        case roadmap(Roadmap)
    }

    /// Sorted by place: errors and warnings, those of playbooks that it calls included.
    package var diagnostics: [Diagnostic]
    /// Nothing if there is an error.
    package var document: Document?
    /// Every file that was read, for excerpts in messages: by name, as bytes.
    package var sources: [String: [UInt8]]

    /// What the engine runs: the plan of the playbook, or of the roadmap.
    package var plan: Plan? {
        switch document {
        case .playbook(let plan): plan
        case .roadmap(let roadmap): roadmap.plan
        case nil: nil
        }
    }
}

/// Finds out what a playbook or roadmap means, or everything that is wrong with it.
///
/// Nothing outside the bytes is looked at except what the loader gives, so that the same bytes give the same answer.
package struct Checker: Sendable {
    /// Reads the playbook of a step or phase.
    ///
    /// The name is the path written there, joined with the folder of the file that
    /// names it; names that leave the folder above the first file are refused before. `builtin:` files never ask.
    package typealias Loader = @Sendable (_ file: String) throws -> [UInt8]

    private let catalogue: Catalogue
    private let surroundings: Surroundings?
    private let loader: Loader
    /// The bytes of the playbooks that are called, where they were kept: then no other is read, shipped ones included.
    package var pinned: [String: [UInt8]]?

    /// Without surroundings the names of people, groups and hooks are taken as they are.
    package init(catalogue: Catalogue, surroundings: Surroundings? = nil, loader: @escaping Loader) {
        self.catalogue = catalogue
        self.surroundings = surroundings
        self.loader = loader
    }

    package func check(file: String, bytes: [UInt8]) -> Checked {
        let loading = Loading(catalogue: catalogue, surroundings: surroundings, pinned: pinned, loader: loader)
        let (document, diagnostics) = loading.check(file: file, bytes: bytes)
        return Checked(
            diagnostics: diagnostics.sorted,
            document: diagnostics.hasErrors ? nil : document,
            sources: loading.sources
        )
    }
}

/// The files of one check.
///
/// A class because sub-playbooks share it; it belongs to the call that made it.
final class Loading {
    private static let deepest = 16

    private let catalogue: Catalogue
    let surroundings: Surroundings?
    private let loader: Checker.Loader
    private let pinned: [String: [UInt8]]?
    private(set) var sources: [String: [UInt8]] = [:]
    /// Files that are being checked, outermost first.
    private var open: [String] = []
    private var plans: [String: Plan?] = [:]
    private var called: [Diagnostic] = []
    /// Circles that were found further in than the file in which they are reported.
    var recursions: [[String]] = []

    init(
        catalogue: Catalogue,
        surroundings: Surroundings?,
        pinned: [String: [UInt8]]? = nil,
        loader: @escaping Checker.Loader
    ) {
        self.pinned = pinned
        self.catalogue = catalogue
        self.surroundings = surroundings
        self.loader = loader
    }

    enum Answer {
        case plan(Plan)
        /// Its diagnostics say why; nothing more is to be said by whoever calls it.
        case broken
        case recursive([String])
        case missing(String)
    }

    func playbook(_ file: String) -> Answer {
        if let start = open.firstIndex(of: file) { return .recursive(Array(open[start...]) + [file]) }
        if let known = plans[file] { return known.map { .plan($0) } ?? .broken }
        guard open.count < Self.deepest else { return .missing("playbooks call each other too deeply") }
        let bytes: [UInt8]
        do {
            if let pinned {
                guard let kept = pinned[file] else { return .missing("\(quoted(file)) was not kept with the run") }
                bytes = kept
            } else {
                bytes = try ShippedPlaybooks.bytes(of: file) ?? loader(file)
            }
        } catch {
            return .missing("\(quoted(file)) cannot be read")
        }
        let (document, diagnostics) = check(file: file, bytes: bytes)
        called += diagnostics
        guard !diagnostics.hasErrors, case .playbook(let plan)? = document else {
            plans[file] = .some(nil)
            if case .roadmap? = document { return .missing("\(quoted(file)) is a roadmap, not a playbook") }
            return .broken
        }
        plans[file] = plan
        return .plan(plan)
    }

    func takeRecursion(of file: String) -> [String]? {
        guard let index = recursions.firstIndex(where: { $0.first == file }) else { return nil }
        return recursions.remove(at: index)
    }

    func check(file: String, bytes: [UInt8]) -> (document: Checked.Document?, diagnostics: [Diagnostic]) {
        sources[file] = bytes
        open.append(file)
        defer { open.removeLast() }
        let outer = called
        called = []
        let (document, own) = checkAlone(file: file, bytes: bytes)
        let diagnostics = own + called
        called = outer
        return (document, diagnostics)
    }

    private func checkAlone(file: String, bytes: [UInt8]) -> (document: Checked.Document?, diagnostics: [Diagnostic]) {
        let top = Place(file: file, line: 1, column: 1)
        var (node, diagnostics) = YAMLReader.read(bytes, file: file)
        // What YAML calls empty is a document of ours without content.
        for index in diagnostics.indices where diagnostics[index].code == "yaml.empty" {
            diagnostics[index].code = Code.empty
        }
        guard let root = node.take() else { return (nil, diagnostics) }
        if root.isNull, root.scalar?.text.isEmpty ?? false {
            let fault = Diagnostic(code: Code.empty, message: "the file holds no document", at: top)
            return (nil, diagnostics + [fault])
        }
        // A token that YAML refused is judged once.
        let refused = Set(diagnostics.compactMap { $0.place.map { Spot($0) } })
        var check = DocumentCheck(source: Source(bytes, file: file), catalogue: catalogue, loading: self)
        let document = check.document(root, bytes: bytes, refused: refused)
        diagnostics += check.diagnostics.filter { !($0.place.map { refused.contains(Spot($0)) } ?? false) }
        return (check.isBroken ? nil : document, diagnostics)
    }
}

extension DocumentCheck {
    mutating func document(_ root: Node, bytes: [UInt8], refused: Set<Spot>) -> Checked.Document? {
        guard root.mapping != nil else {
            report(
                Code.wrongType,
                "a playbook is a mapping, not \(root.called)",
                at: root.lead,
                help: "begin with `apiVersion: \(PlaybookGrammar.apiVersion)` and `kind: Playbook`"
            )
            return nil
        }
        let kinds = ["Playbook", "Roadmap"]
        var isRoadmap = false
        if let kind = root["kind"]?.string {
            guard kinds.contains(kind) else {
                report(
                    Code.unknownKind,
                    "\(quoted(kind)) is not a kind of document",
                    at: root["kind"]?.place ?? root.lead,
                    help: suggest(kind, among: kinds, called: "kinds")
                )
                return nil
            }
            isRoadmap = kind == "Roadmap"
        }
        var form = Conformance(source, refused: refused)
        form.check(
            root,
            against: .record(isRoadmap ? RoadmapGrammar.document : PlaybookGrammar.document),
            key: isRoadmap ? "roadmap" : "playbook"
        )
        diagnostics += form.diagnostics
        let digest = Digest.sha256(bytes)
        if isRoadmap { return roadmap(root, digest: digest, bytes: bytes).map { .roadmap($0) } }
        return playbook(root, digest: digest, bytes: bytes).map { .playbook($0) }
    }

    /// The playbook that a step or phase names.
    mutating func subPlaybook(_ node: Node, missing code: String) -> (plan: Plan, path: String)? {
        guard let path = node.string, !path.isEmpty, node.interpolation == nil else { return nil }
        let help = code == Code.missingPlaybook ? "write `none` for a phase without a playbook" : nil
        guard let file = PlaybookPath.join(path, from: source.file) else {
            report(
                code,
                "\(quoted(path)) is outside the folder of this playbook",
                at: node.place,
                help: help ?? "name a file by its path from this one, or a shipped playbook as `builtin:name.yaml`"
            )
            return nil
        }
        switch loading.playbook(file) {
        case .plan(let plan): return (plan, file)
        case .broken:
            isBroken = true
            if let files = loading.takeRecursion(of: source.file) { reportRecursion(files, at: node.place) }
            return nil
        case .recursive(let files):
            isBroken = true
            // It is reported once, in the outermost file of the circle.
            if files.first == source.file {
                reportRecursion(files, at: node.place)
            } else {
                loading.recursions.append(files)
            }
            return nil
        case .missing(let why):
            isBroken = true
            report(code, why, at: node.place, help: help)
            return nil
        }
    }
}

extension DocumentCheck {
    fileprivate mutating func reportRecursion(_ files: [String], at place: Place) {
        report(
            Code.recursivePlaybook,
            files.count == 2 ? "the playbook calls itself" : "the playbook calls itself through others",
            at: place,
            help: "calls: \(files.map(quoted).joined(separator: " → "))"
        )
    }
}

/// Paths of playbooks that call each other.
enum PlaybookPath {
    /// The file that a path means in another file; nothing if it is absolute, remote or climbs out.
    static func join(_ path: String, from file: String) -> String? {
        if path.hasPrefix("builtin:") {
            let name = path.dropFirst("builtin:".count)
            return name.contains("/") || name.isEmpty ? nil : path
        }
        guard !path.hasPrefix("/"), !path.hasPrefix("~"), !path.contains(":"), !path.contains("\\"),
            !path.utf8.contains(0)
        else { return nil }
        if file.hasPrefix("builtin:") { return path.contains("/") ? nil : "builtin:" + path }
        var parts = file.split(separator: "/", omittingEmptySubsequences: true).dropLast().map(String.init)
        for part in path.split(separator: "/", omittingEmptySubsequences: true) where part != "." {
            if part == ".." {
                guard let last = parts.last, last != ".." else { return nil }
                parts.removeLast()
            } else {
                parts.append(String(part))
            }
        }
        return (file.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }
}
