@testable import Expressions

/// A regular expression by its definition: each part maps the places where it may begin to those where it may end.
struct NaiveMatcher {
    let text: [Unicode.Scalar]

    func ends(_ tree: PatternTree, _ starts: Set<Int>) -> Set<Int> {
        switch tree {
        case .empty: return starts
        case .set(let set): return Set(starts.filter { $0 < text.count && set.contains(text[$0]) }.map { $0 + 1 })
        case .assertion(let assertion): return starts.filter { holds(assertion, at: $0) }
        case .sequence(let parts): return parts.reduce(starts) { ends($1, $0) }
        case .alternatives(let branches): return branches.reduce(into: []) { $0.formUnion(ends($1, starts)) }
        case .repetition(let inner, let minimum, let maximum):
            var places = starts
            for _ in 0..<minimum { places = ends(inner, places) }
            var all = places
            for _ in minimum..<(maximum ?? minimum + text.count + 1) {
                places = ends(inner, places)
                all.formUnion(places)
            }
            return all
        }
    }

    private func holds(_ assertion: PatternAssertion, at place: Int) -> Bool {
        func isWord(_ index: Int) -> Bool {
            guard text.indices.contains(index), text[index].isASCII else { return false }
            return text[index].properties.isAlphabetic || text[index] == "_" || ("0"..."9").contains(text[index])
        }
        switch assertion {
        case .textStart: return place == 0
        case .textEnd: return place == text.count
        case .lineStart: return place == 0 || text[place - 1] == "\n"
        case .lineEnd: return place == text.count || text[place] == "\n"
        case .wordBoundary: return isWord(place - 1) != isWord(place)
        case .notWordBoundary: return isWord(place - 1) == isWord(place)
        }
    }
}
