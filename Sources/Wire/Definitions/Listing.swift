package import Core

/// One page of a list, as a server answered it.
package struct ListPage: Sendable, Hashable {
    /// An entry that could not be read; its neighbours are not lost over it.
    package struct Refusal: Sendable, Hashable {
        /// The position in the page, counted from 0.
        package var index: Int
        package var reason: Malformed
    }

    package var kind: ListKind
    package var definitions: [Definition]
    package var refusals: [Refusal]
    package var nextCursor: String?

    /// Reads the result of a list request of this kind.
    package init(_ kind: ListKind, result: JSON.Value) throws(Malformed) {
        guard let object = result.object else { throw Malformed(.kind(expected: "object"), at: "result") }
        try ResultType.requireComplete(object)
        self.kind = kind
        nextCursor = try object.textIfPresent("nextCursor")
        definitions = []
        refusals = []
        for (index, entry) in try object.list(kind.rawValue).enumerated() {
            do throws(Malformed) {
                definitions.append(try Definition(entry, of: kind))
            } catch {
                refusals.append(Refusal(index: index, reason: error))
            }
        }
    }
}

extension Definition {
    /// Reads one entry of a list.
    ///
    /// Tools are digested over the members of design §4, everything else over the whole entry.
    package init(_ entry: JSON.Value, of kind: ListKind) throws(Malformed) {
        if kind == .tools {
            self = try ToolDefinition(entry).definition
            return
        }
        guard let object = entry.object else { throw Malformed(.kind(expected: "object"), at: "") }
        let name: String
        switch kind {
        case .tools, .prompts: name = try object.text("name")
        // Names of resources need not be unique; addresses are.
        case .resources: name = try object.text("uri")
        case .resourceTemplates: name = try object.text("uriTemplate")
        }
        guard !name.isEmpty else { throw Malformed(.value, at: "name") }
        self.init(kind: kind.definitionKind, name: name, body: entry, digest: Digest.sha256(JSON.canonical(entry)))
    }
}

/// Follows the cursors of one list to its end, and stops where a server would lead it on forever.
package struct Listing: Sendable, Hashable {
    package struct Limits: Sendable, Hashable {
        package var pages: Int
        package var entries: Int

        package init(pages: Int, entries: Int) {
            self.pages = pages
            self.entries = entries
        }

        package static let standard = Limits(pages: 64, entries: 10_000)
    }

    /// Why there is nothing more to ask for.
    package enum Stop: Sendable, Hashable {
        case complete
        /// A cursor came back that has been followed already.
        case cursorRepeated
        case pageLimit(Int)
        case entryLimit(Int)
        case refused(JSONRPC.Failure)
        case malformed(Malformed)
    }

    package let kind: ListKind
    package let limits: Limits
    package private(set) var definitions: [Definition] = []
    package private(set) var refusals: [ListPage.Refusal] = []
    /// Names that more than one entry has; which of them a host would use is anyone's guess.
    package private(set) var duplicates: Set<String> = []
    package private(set) var stop: Stop?
    private var names: Set<String> = []
    private var followed: Set<String> = []
    private var pages = 0
    private var cursor: String?

    package init(_ kind: ListKind, limits: Limits = .standard) {
        self.kind = kind
        self.limits = limits
    }

    /// The next request, or nothing once the list has come to a stop.
    package func request(_ calls: Calls, id: JSONRPC.ID, revision: ProtocolRevision) -> JSONRPC.Request? {
        stop == nil ? calls.list(kind, cursor: cursor, id: id, revision: revision) : nil
    }

    /// Takes the answer to the last request.
    package mutating func receive(_ response: JSONRPC.Response) {
        guard stop == nil else { return }
        do throws(Malformed) {
            switch response.outcome {
            case .failure(let failure): stop = .refused(failure)
            case .success(let result): take(try ListPage(kind, result: result))
            }
        } catch {
            stop = .malformed(error)
        }
    }

    private mutating func take(_ page: ListPage) {
        pages += 1
        refusals += page.refusals
        for definition in page.definitions {
            guard definitions.count < limits.entries else {
                stop = .entryLimit(limits.entries)
                return
            }
            if !names.insert(definition.name).inserted { duplicates.insert(definition.name) }
            definitions.append(definition)
        }
        guard let next = page.nextCursor else {
            stop = .complete
            return
        }
        guard followed.insert(next).inserted else {
            stop = .cursorRepeated
            return
        }
        guard pages < limits.pages else {
            stop = .pageLimit(limits.pages)
            return
        }
        cursor = next
    }
}
