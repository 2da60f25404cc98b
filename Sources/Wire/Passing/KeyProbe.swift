import Core

/// A key that is compared with several names, most of which differ from it in their length already.
struct KeyProbe {
    let node: JSON.Outline.Node
    private let length: Int
    private let isEscaped: Bool

    init(_ node: JSON.Outline.Node, of outline: borrowing JSON.Outline, in bytes: Span<UInt8>) {
        let range = outline.range(of: node)
        self.node = node
        length = range.count - 2
        isEscaped =
            ByteSearch.first(UInt8(ascii: "\\"), in: bytes, from: range.lowerBound, to: range.upperBound)
            < range.upperBound
    }

    @inline(__always)
    func isNamed(_ name: String, _ outline: borrowing JSON.Outline, _ bytes: Span<UInt8>) -> Bool {
        (isEscaped || length == name.utf8.count) && outline.isText(node, name, in: bytes)
    }
}
