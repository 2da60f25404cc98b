/// Places of configuration files below a root, with `*` inside one component and `**` for up to eight directories.
///
/// `{config}` stands for the folders in which systems keep the settings of applications, `{editor}` for the editors that
/// are built from the sources of VS Code and keep its layout.
struct PathPattern: Sendable, Hashable {
    static let deepest = 8

    let components: [String]

    static func expand(_ text: String) -> [PathPattern] {
        var texts = [text]
        for (name, values) in [("{config}", configurationFolders), ("{editor}", editors)] {
            texts = texts.flatMap { text in
                guard let range = text.firstRange(of: name) else { return [text] }
                return values.map { text[..<range.lowerBound] + $0 + text[range.upperBound...] }
            }
        }
        return texts.map { PathPattern(components: $0.split(separator: "/").map(String.init)) }
    }

    /// Linux (XDG), macOS, Windows (a copied home), Flatpak.
    static let configurationFolders = [
        ".config", "Library/Application Support", "AppData/Roaming", ".var/app/*/config",
    ]
    static let editors = [
        "Code", "Code - Insiders", "Code - OSS", "VSCodium", "Cursor", "Windsurf", "Windsurf - Next", "Trae", "Trae CN",
        "Void", "Kiro", "Antigravity", "Positron", "Qoder",
    ]

    /// Whether a name fits one component, in time proportional to the product of the lengths.
    static func matches(_ name: String, _ pattern: String) -> Bool {
        let name = Array(name.utf8)
        let pattern = Array(pattern.utf8)
        var at = 0
        var star: (pattern: Int, name: Int)?
        var index = 0
        while index < name.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                star = (at, index)
                at += 1
            } else if at < pattern.count, pattern[at] == name[index] {
                at += 1
                index += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                at = last.pattern + 1
                index = last.name + 1
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
