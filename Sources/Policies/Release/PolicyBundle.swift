package import Core

/// What gateways are told to enforce: a policy or a release, for whom it is, in which mode and until when.
///
/// Bundles form a chain: each has a number of its own and names the digest of the one before it, so that neither an older
/// one nor another history can be put in the place of the newest. As bytes a bundle is canonical JSON (RFC 8785), and who
/// signed these bytes is for an envelope to say.
package struct PolicyBundle: Sendable, Hashable {
    package static let schema = "lockstep.bundle/1"
    /// The type of the payload in its envelope.
    package static let payloadType = "application/vnd.lockstep.bundle+json"
    /// A reader takes no more than this.
    package static let mostBytes = 32 << 20
    /// Numbers above are not the same in every reader of JSON (RFC 8259 §6).
    package static let mostRevision: Int64 = 1 << 53

    /// What gateways do with their decisions; a rule in shadow stays in shadow whatever this says.
    package enum Mode: String, Sendable, CaseIterable { case record, shadow, enforce }

    /// What is enforced, byte for byte as it was written.
    package enum Content: Sendable, Hashable {
        /// A release, which carries the votes that approved it.
        case release(String)
        /// A policy that nobody approved by votes.
        case policy(String)
    }

    /// What is before a bundle in the chain.
    package struct Tip: Sendable, Hashable {
        package let revision: Int64
        package let digest: Digest

        package init(revision: Int64, digest: Digest) {
            self.revision = revision
            self.digest = digest
        }
    }

    package let revision: Int64
    /// The digest of the bundle before; nil begins a chain.
    package let predecessor: Digest?
    package let issued: Timestamp
    package let expires: Timestamp
    package let selector: Selector
    package let mode: Mode
    package let content: Content
    /// Why the bundle before need not be known, where people said so.
    package let gap: String?

    package init(
        revision: Int64,
        predecessor: Digest?,
        issued: Timestamp,
        expires: Timestamp,
        selector: Selector,
        mode: Mode,
        content: Content,
        gap: String? = nil
    ) throws(Fault) {
        guard (1...Self.mostRevision).contains(revision) else {
            throw Fault(.malformed, "the revision of a bundle is a number from 1 to 2^53")
        }
        guard predecessor != nil || revision == 1 || gap != nil else {
            throw Fault(.malformed, "a bundle that is not the first names its predecessor, or says why there is none")
        }
        guard issued < expires else { throw Fault(.malformed, "a bundle cannot expire before it is issued") }
        if let gap {
            guard !gap.allSatisfy(\.isWhitespace), gap.utf8.count <= 1_024 else {
                throw Fault(.malformed, "the reason for a gap is missing or too long")
            }
        }
        self.revision = revision
        self.predecessor = predecessor
        self.issued = issued
        self.expires = expires
        self.selector = selector
        self.mode = mode
        self.content = content
        self.gap = gap
    }

    package var bytes: [UInt8] {
        var object: JSON.Object = [
            "schema": .string(Self.schema), "revision": .integer(revision),
            "predecessor": predecessor.map { .string($0.description) } ?? .null,
            "issued": .string(issued.description), "expires": .string(expires.description),
            "selector": selector.json, "mode": .string(mode.rawValue),
        ]
        switch content {
        case .release(let text): object["release"] = .string(text)
        case .policy(let text): object["policy"] = .string(text)
        }
        object["gap"] = gap.map(JSON.Value.string)
        return JSON.canonical(.object(object))
    }

    /// What the next one names as its predecessor.
    package var digest: Digest { .sha256(bytes) }
    package var tip: Tip { Tip(revision: revision, digest: digest) }

    private static let members: Set<String> = [
        "schema", "revision", "predecessor", "issued", "expires", "selector", "mode",
    ]

    /// Reads what `bytes` writes and nothing else; the policy inside is looked at by `opened`.
    package init(parsing bytes: [UInt8]) throws(Fault) {
        guard bytes.count <= Self.mostBytes else {
            throw Fault(.tooLarge, "the bundle is larger than \(Self.mostBytes >> 20) MiB")
        }
        let limits = JSON.Limits(maxBytes: Self.mostBytes, maxDepth: 8, maxStringBytes: Self.mostBytes, maxMembers: 16)
        guard let object = (try? JSON.parse(bytes, limits: limits))?.object else {
            throw Fault(.malformed, "this is no bundle, or a part of it is missing")
        }
        guard object["schema"]?.string == Self.schema else {
            throw Fault(.malformed, "this version reads `\(Self.schema)`, and the bundle is of another schema")
        }
        let content: Content
        switch (object["release"], object["policy"]) {
        case (.string(let text)?, nil): content = .release(text)
        case (nil, .string(let text)?): content = .policy(text)
        default: throw Fault(.malformed, "a bundle has either a `release` or a `policy`, as text")
        }
        let gap = object["gap"]
        guard Self.members.allSatisfy({ object[$0] != nil }),
            object.count == Self.members.count + (gap == nil ? 1 : 2)
        else { throw Fault(.malformed, "the bundle lacks a member or has one too many") }
        guard let revision = object["revision"]?.int, let before = object["predecessor"],
            let issued = object["issued"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let expires = object["expires"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let mode = object["mode"]?.string.flatMap(Mode.init(rawValue:)),
            let selector = object["selector"].flatMap(Selector.init(json:)), gap == nil || gap?.string != nil
        else { throw Fault(.malformed, "a member of the bundle is not what it should be") }
        let predecessor = before.string.flatMap { Digest($0) }
        guard before.isNull || predecessor != nil else {
            throw Fault(.malformed, "the predecessor of the bundle is no digest")
        }
        try self.init(
            revision: revision,
            predecessor: predecessor,
            issued: issued,
            expires: expires,
            selector: selector,
            mode: mode,
            content: content,
            gap: gap?.string
        )
        // One content has one digest, or a chain could be told in two ways.
        guard self.bytes == bytes else { throw Fault(.malformed, "the bundle is not canonical") }
    }
}

extension PolicyBundle {
    /// Which gateways a bundle is for.
    package struct Selector: Sendable, Hashable {
        /// Ids, in which `*` stands for any run of characters; one of them has to match.
        package let gateways: [String]
        /// A gateway has to have them all.
        package let labels: [String]

        private static let most = 256

        /// - Throws: where it would select nobody, or a name is none.
        package init(gateways: [String], labels: [String] = []) throws(Fault) {
            guard !gateways.isEmpty, gateways.count <= Self.most, labels.count <= Self.most,
                (gateways + labels).allSatisfy(Self.isName)
            else {
                throw Fault(
                    .malformed,
                    "a selector names at least one gateway and at most \(Self.most), by short names",
                    help: "write `*` for every gateway"
                )
            }
            self.gateways = gateways
            self.labels = labels
        }

        init?(json: JSON.Value) {
            guard let object = json.object, object.count == 2, let gateways = object["gateways"]?.array,
                let labels = object["labels"]?.array
            else { return nil }
            let texts = (gateways.compactMap(\.string), labels.compactMap(\.string))
            guard texts.0.count == gateways.count, texts.1.count == labels.count,
                let read = try? Selector(gateways: texts.0, labels: texts.1)
            else { return nil }
            self = read
        }

        package var json: JSON.Value {
            ["gateways": .array(gateways.map { .string($0) }), "labels": .array(labels.map { .string($0) })]
        }

        package func selects(_ gateway: String, labels own: Set<String>) -> Bool {
            gateways.contains { Wildcard($0).matches(gateway) } && labels.allSatisfy(own.contains)
        }

        private static func isName(_ text: String) -> Bool {
            !text.isEmpty && text.utf8.count <= 128 && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        }
    }

    /// Why a bundle is not taken.
    package struct Fault: Error, Sendable, Hashable {
        /// The raw value is printed and never reworded.
        package enum Code: String, Sendable, CaseIterable {
            case malformed = "bundle.malformed"
            case tooLarge = "bundle.too-large"
            case unreadable = "bundle.unreadable"
            case unsigned = "bundle.unsigned"
            case rollback = "bundle.rollback"
            case fork = "bundle.fork"
            case predecessor = "bundle.predecessor"
            case notYet = "bundle.not-yet"
            case expired = "bundle.expired"
            case notSelected = "bundle.not-selected"
            case policy = "bundle.policy"
            case notApproved = "bundle.not-approved"
            case rehearsal = "bundle.rehearsal"
            case unwritten = "bundle.unwritten"
        }

        package var code: Code
        /// One lower-case sentence without a full stop.
        package var message: String
        package var help: String?

        package init(_ code: Code, _ message: String, help: String? = nil) {
            self.code = code
            self.message = message
            self.help = help
        }
    }
}
