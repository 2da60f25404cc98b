/// The starter policies that are part of this program, each with its unit tests.
package enum ShippedTemplates {
    package struct Template: Sendable {
        package var name: String
        package var summary: String
        package var policy: [UInt8]
        package var tests: [UInt8]
    }

    package static let all: [Template] = [
        Template(
            name: "fetch",
            summary: "pages of known sites; nothing inside the network",
            policy: PackageResources.fetch_yaml,
            tests: PackageResources.fetch_test_yaml
        ),
        Template(
            name: "filesystem",
            summary: "one folder; keys never; moving is asked about",
            policy: PackageResources.filesystem_yaml,
            tests: PackageResources.filesystem_test_yaml
        ),
        Template(
            name: "git",
            summary: "one repository; commits; throwing work away is asked about",
            policy: PackageResources.git_yaml,
            tests: PackageResources.git_test_yaml
        ),
        Template(
            name: "postgres",
            summary: "one reading statement at a time",
            policy: PackageResources.postgres_yaml,
            tests: PackageResources.postgres_test_yaml
        ),
        Template(
            name: "slack",
            summary: "known channels, known sites, few messages",
            policy: PackageResources.slack_yaml,
            tests: PackageResources.slack_test_yaml
        ),
    ]
}
