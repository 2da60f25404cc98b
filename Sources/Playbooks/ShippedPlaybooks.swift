/// The playbooks that are part of this program, so that one file is a whole installation.
package enum ShippedPlaybooks {
    package static let all: [(name: String, bytes: [UInt8])] = [
        ("phase-1-discovery.yaml", PackageResources.phase_1_discovery_yaml),
        ("phase-2-least-privilege.yaml", PackageResources.phase_2_least_privilege_yaml),
        ("roadmap.yaml", PackageResources.roadmap_yaml),
    ]

    /// The bytes of `builtin:NAME`; nothing for another name.
    package static func bytes(of file: String) -> [UInt8]? {
        guard file.hasPrefix("builtin:") else { return nil }
        let name = file.dropFirst("builtin:".count)
        return all.first { $0.name == name }?.bytes
    }
}
