/// Finds the known word that a person most likely meant, or none if nothing is near.
///
/// Near means within a third of the word's length (at least one edit): a suggestion that is far off is worse than none.
package func nearest(to word: String, in known: some Sequence<String>) -> String? {
    let limit = max(1, word.unicodeScalars.count / 3)
    var best: (distance: Int, word: String)?
    for candidate in known where candidate != word {
        let distance = editDistance(word, candidate, atMost: limit)
        guard distance <= limit else { continue }
        if let current = best, (current.distance, current.word) <= (distance, candidate) { continue }
        best = (distance, candidate)
    }
    return best?.word
}

/// Restricted Damerau-Levenshtein distance (insert, delete, replace, swap neighbours); gives up above `limit`.
private func editDistance(_ left: String, _ right: String, atMost limit: Int) -> Int {
    let left = Array(left.lowercased().unicodeScalars.prefix(128))
    let right = Array(right.lowercased().unicodeScalars.prefix(128))
    guard abs(left.count - right.count) <= limit else { return limit + 1 }
    if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for row in 1...left.count {
        var current = [row] + [Int](repeating: 0, count: right.count)
        for column in 1...right.count {
            let cost = left[row - 1] == right[column - 1] ? 0 : 1
            current[column] = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + cost)
            let swapped =
                row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1]
            if swapped { current[column] = min(current[column], beforeLast[column - 2] + 1) }
        }
        (beforeLast, last) = (last, current)
    }
    return last[right.count]
}
