/// A value that must never be printed: its description is always `<redacted>`.
///
/// Whoever needs the secret asks for it by name, so that each use can be found by searching for `revealed`.
package struct Redacted<Wrapped: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    package let revealed: Wrapped

    package init(_ value: Wrapped) {
        revealed = value
    }

    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Redacted: Equatable where Wrapped: Equatable {}
