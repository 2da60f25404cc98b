import Core
import Documents

/// The names of the points of one review: shortened for reading, and found again from what was typed.
package struct PointNames: Sendable {
    /// Why a name stands for no point.
    package struct Fault: Error, Sendable, Hashable {
        /// One lower-case sentence without a full stop.
        package var message: String
        package var help: String
    }

    /// Fewer digits are never taken: they could be met on purpose.
    private static let fewest = 12

    private let points: [ReviewPoint]
    private let digits: Int

    package init(_ points: [ReviewPoint]) {
        self.points = points
        let ids = Set(points.map(\.id))
        digits =
            (Self.fewest..<ReviewPoint.digits).first { count in
                Set(ids.map { $0.dropLast(ReviewPoint.digits - count) }).count == ids.count
            } ?? ReviewPoint.digits
    }

    /// The id with as few digits as tell the points of this review apart.
    package func short(_ point: ReviewPoint) -> String { String(point.id.dropLast(ReviewPoint.digits - digits)) }

    /// The point that a name stands for.
    ///
    /// - Parameters:
    ///   - name: An id or the beginning of one, with its digits.
    ///   - isKept: Whether the name comes from a document, which may be older than the recordings: it must be whole.
    /// - Returns: The only point with that name.
    /// - Throws: Why there is none, or more than one.
    package func point(named name: String, isKept: Bool = false) throws(Fault) -> ReviewPoint {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let stem = parts.dropLast().joined(separator: ".")
        let typed = parts.last?.count ?? 0
        let found = points.filter { $0.id == name || ($0.stem == stem && $0.id.hasPrefix(name)) }
        guard let point = found.first else { throw absent(name, stem) }
        guard found.count == 1 else {
            let shown = found.prefix(3).map { "`\($0.id)`" }.joined(separator: ", ")
            throw Fault(
                message: "\(name.inMessage) stands for \(found.count) points",
                help: "write more digits: \(shown)" + (found.count > 3 ? " and \(found.count - 3) more" : "")
            )
        }
        if name == point.id { return point }
        guard !isKept else {
            throw Fault(
                message: "\(name.inMessage) is shortened, and a document that is kept names the whole id",
                help: "write `\(point.id)`, if that is still what you decided"
            )
        }
        guard typed >= Self.fewest else {
            throw Fault(
                message: "\(name.inMessage) has fewer than \(Self.fewest) digits, which other values could have, too",
                help: "did you mean `\(short(point))`?"
            )
        }
        return point
    }

    private func absent(_ name: String, _ stem: String) -> Fault {
        func isCloser(_ left: ReviewPoint, _ right: ReviewPoint) -> Bool {
            left.id.commonPrefix(with: name) < right.id.commonPrefix(with: name)
        }
        if let near = points.filter({ $0.stem == stem }).max(by: isCloser) {
            return Fault(
                message:
                    "there is no point \(name.inMessage) any more: other values are in question now, and it stays open",
                help: "did you mean `\(near.id)`? look at it before you decide"
            )
        }
        let near = nearest(to: name, in: points.map(\.id)) ?? points.first { $0.stem == name }?.id
        return Fault(
            message: "there is no point \(name.inMessage)",
            help: near.map { "did you mean `\($0)`?" } ?? "`lockstep policy review` lists the points"
        )
    }
}

extension String {
    /// How many bytes both begin with.
    fileprivate func commonPrefix(with other: String) -> Int { zip(utf8, other.utf8).prefix { $0 == $1 }.count }
}
