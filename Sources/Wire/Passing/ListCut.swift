package import Core

/// Takes entries out of a list that a server sent, and leaves every other byte as it was.
///
/// A list that were parsed and written again would have other numbers, other escapes and another order, and with them
/// other digests. So only the ranges of the entries that go are left out, each with one comma.
package enum ListCut {
    package enum Decision: Sendable, Hashable {
        case keep
        case drop
        /// Other bytes in the entry's place, which must be one value of JSON.
        case replace([UInt8])
    }

    /// One entry of the list.
    package struct Entry: Sendable, Hashable {
        package let node: JSON.Outline.Node
        package let range: Range<Int>
        /// The text of `name`, `uri` or `uriTemplate`; nothing where the entry has none, and should go.
        package let name: String?
    }

    package struct Outcome: Sendable, Hashable {
        /// The message with what is left of the list.
        package let bytes: [UInt8]
        package let kept: Int
        package let dropped: Int
        package let replaced: Int

        package var isUnchanged: Bool { dropped == 0 && replaced == 0 }
    }

    /// The member of an entry by which policies name it.
    package static func namingMember(of kind: ListKind) -> String {
        switch kind {
        case .tools, .prompts: "name"
        case .resources: "uri"
        case .resourceTemplates: "uriTemplate"
        }
    }

    /// Cuts the list of a result.
    ///
    /// - Returns: nothing where the message has no such list, and cannot be forwarded as one. An entry is dropped where
    ///   a replacement is no value of JSON.
    package static func cut(
        _ kind: ListKind,
        of message: PassingMessage,
        outline: borrowing JSON.Outline,
        in bytes: Span<UInt8>,
        decide: (Entry) -> Decision
    ) -> Outcome? {
        guard let result = message.result, let list = outline.member(kind.rawValue, of: result, in: bytes),
            outline.kind(of: list) == .array
        else { return nil }
        let whole = outline.range(of: list)
        let naming = namingMember(of: kind)
        var output: [UInt8] = []
        output.reserveCapacity(message.range.count)
        append(bytes, message.range.lowerBound..<whole.lowerBound + 1, to: &output)
        var (kept, dropped, replaced) = (0, 0, 0)
        // What stands between one entry and the next goes with the second of the two.
        var firstGap: Range<Int>?
        var end = whole.lowerBound + 1
        for node in outline.children(of: list) {
            let range = outline.range(of: node)
            let gap = end..<range.lowerBound
            firstGap = firstGap ?? gap
            end = range.upperBound
            let name = outline.member(naming, of: node, in: bytes).flatMap { outline.text(of: $0, in: bytes) }
            var decision = decide(Entry(node: node, range: range, name: name))
            if case .replace(let other) = decision {
                var check = JSON.Outline()
                if (try? check.scan(other.span, limits: JSON.Limits(maxDepth: 512))) == nil { decision = .drop }
            }
            guard decision != .drop else {
                dropped += 1
                continue
            }
            append(bytes, kept + replaced == 0 ? firstGap ?? gap : gap, to: &output)
            if case .replace(let other) = decision {
                output += other
                replaced += 1
            } else {
                append(bytes, range, to: &output)
                kept += 1
            }
        }
        append(bytes, end..<message.range.upperBound, to: &output)
        return Outcome(bytes: output, kept: kept, dropped: dropped, replaced: replaced)
    }

    private static func append(_ bytes: Span<UInt8>, _ range: Range<Int>, to output: inout [UInt8]) {
        unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
    }
}
