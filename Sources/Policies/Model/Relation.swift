package import Traffic

/// What one argument of a call says about another; a call that breaks it is denied.
///
/// It only ever narrows: what no argument's own rule admits stays denied. Where neither of the two was sent it says
/// nothing; where one alone was, or a list in place of one value, it is broken, since nobody knows what the server makes
/// of that. A value that the user's own request names is the user's choice.
package struct Relation: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// The two hold the same value.
        case equals
        /// Where the other argument holds `when`, this one is among the values, or under one of the folders.
        case given(when: CanonicalValue, values: [CanonicalValue], folders: [String])
    }

    /// The argument that is bound, as in `ArgumentRule.path`.
    package var path: String
    /// The one that binds it.
    package var other: String
    package var kind: Kind

    package init(path: String, other: String, kind: Kind) {
        self.path = path
        self.other = other
        self.kind = kind
    }
}
