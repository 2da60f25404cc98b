// swift-tools-version: 6.2
import Foundation
import PackageDescription

// What every target of the house is held to. Each line is a language proposal that Swift 6 leaves optional.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let nio: [Target.Dependency] = ["NIOCore", "NIOPosix", "NIOHTTP1"].map { .product(name: $0, package: "swift-nio") }
let nioTLS: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let tlsEvents: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")

// Fuzzing needs to see which way an input takes: the compiler counts the edges of what is fuzzed.
let isFuzzed = Context.environment["LOCKSTEP_BENCHMARKS"] == "fuzz"
let counted: Set = ["Core", "Wire", "Inspection", "Identity", "Gateway"]

func library(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    resources: [Resource] = [],
    excluding: [String] = []
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        exclude: excluding,
        resources: resources,
        swiftSettings: house + (isFuzzed && counted.contains(name) ? [.unsafeFlags(["-sanitize=fuzzer"])] : [])
    )
}

func tests(_ name: String, _ dependencies: [Target.Dependency], data: [String] = []) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        exclude: data,
        swiftSettings: house
    )
}

// The benchmarks are no part of the product: they are built when asked for only, and so is the fuzzer, by
// `Benchmarks/fuzz.sh`.
let benchmarks: [Target] = [
    .executableTarget(
        name: "Benchmarks",
        dependencies: [
            "Core", "Audit", "Playbooks", "Ledger", "Engine", "Policies", "Traffic", sqlite,
        ],
        path: "Benchmarks/Sources",
        swiftSettings: house
    )
]
let fuzzer: [Target] = [
    .systemLibrary(name: "CFuzzer", path: "Benchmarks/CFuzzer"),
    .executableTarget(
        name: "Fuzz",
        dependencies: ["Core", "Wire", "Inspection", "Identity", "Gateway", "CFuzzer", crypto, x509, asn1],
        path: "Benchmarks/Fuzz",
        swiftSettings: house
    ),
]
let measures = isFuzzed ? fuzzer : Context.environment["LOCKSTEP_BENCHMARKS"] == nil ? [] : benchmarks

let package = Package(
    name: "lockstep",
    products: [
        .executable(name: "lockstep", targets: ["CLI"]),
        .executable(name: "lockstep-lab", targets: ["Lab"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2", traits: []),
    ],
    targets: [
        .systemLibrary(
            name: "CYAML",
            path: "Sources/CYAML",
            pkgConfig: "yaml-0.1",
            providers: [.apt(["libyaml-dev"])]
        ),
        .systemLibrary(name: "CLinux", path: "Sources/CLinux"),
        library("Core", [crypto]),
        library("Documents", ["Core", "CYAML"]),
        library("Expressions", ["Core"]),
        library("Wire", ["Core"]),
        library("Inspection", ["Core"]),
        library("Traffic", ["Core"]),
        library(
            "Policies",
            ["Core", "Documents", "Expressions", "Traffic"],
            resources: [.embedInCode("Shipped")]
        ),
        library("Behaviour", ["Core", "Documents", "Expressions", "Inspection", "Traffic", "Policies"]),
        library("Identity", ["Core", crypto, cryptoExtras]),
        library("Audit", ["Core", "Identity", crypto]),
        library(
            "Playbooks",
            ["Core", "Documents", "Expressions"],
            resources: [.embedInCode("Shipped")]
        ),
        library("Ledger", ["Core", grdb, sqlite]),
        library("Workspace", ["Core", "Documents", "Identity", "Audit", "Ledger", "CLinux"]),
        library("Survey", ["Core", "Documents", "Wire", "Inspection", subprocess, nioTLS] + nio),
        library(
            "Gateway",
            ["Core", "Wire", "Traffic", "Inspection", "Identity", "Policies", nioTLS, tlsEvents] + nio
        ),
        library("Engine", ["Core", "Playbooks", "Ledger", "Expressions", "Identity"]),
        library(
            "Reporting",
            ["Core", mustache],
            resources: [.embedInCode("Templates/progress.html.mustache")],
            excluding: ["Templates/policies"]
        ),
        library(
            "Actions",
            [
                "Core", "Documents", "Expressions", "Playbooks", "Ledger", "Workspace", "Survey", "Reporting",
                "Inspection", "Identity", "Wire", "Traffic", "Policies", "Behaviour", "Gateway", "Audit", "CLinux",
                subprocess, system, nioTLS,
            ] + nio
        ),
        .executableTarget(
            name: "CLI",
            dependencies: [
                "Core", "Documents", "Expressions", "Wire", "Inspection", "Identity", "Audit", "Playbooks", "Ledger",
                "Workspace", "Survey", "Gateway",
                "Engine", "Actions", "Reporting", "Traffic", "Policies", "Behaviour", arguments, lifecycle, unixSignals,
                logging,
            ],
            swiftSettings: house
        ),
        .executableTarget(
            name: "Lab",
            dependencies: ["Core", "Wire", x509, asn1, crypto, nioTLS] + nio,
            swiftSettings: house
        ),
        // Measures how work grows, for the tests of several targets.
        .target(name: "Growth", path: "Tests/Growth", swiftSettings: house),
        tests("ArchitectureTests", []),
        tests("WorkspaceTests", ["Workspace", "Audit", "Core", "Identity", "Ledger", grdb]),
        tests("EngineTests", ["Core", "Playbooks", "Ledger", "Expressions", "Engine", grdb, sqlite]),
        tests("LedgerTests", ["Core", "Ledger", grdb, "Growth"], data: ["Cases"]),
        tests("CoreTests", ["Core"]),
        tests("WireTests", ["Wire", "Core"]),
        tests("TrafficTests", ["Traffic", "Wire", "Core", "Growth"]),
        tests(
            "ActionsTests",
            [
                "Actions", "Behaviour", "Core", "Expressions", "Identity", "Inspection", "Ledger", "Playbooks",
                "Policies", "Survey", "Traffic", "Wire", "Workspace", crypto,
            ],
            data: ["Cases"]
        ),
        tests("LabTests", ["Lab", "Wire", "Core"] + nio),
        tests("InspectionTests", ["Core", "Inspection", "Growth"]),
        tests("SurveyTests", ["Core", "Inspection", "Survey", "Wire", nioTLS] + nio, data: ["Cases"]),
        tests("GatewayTests", ["Gateway", "Core", "Identity", "Policies", "Traffic", "Wire", crypto] + nio),
        tests("AuditTests", ["Audit", "Core", "Growth"]),
        tests("IdentityTests", ["Identity", "Core", crypto]),
        tests("ReportingTests", ["Reporting", "Core"], data: ["Goldens"]),
        tests("DocumentsTests", ["Documents", "Core"]),
        tests(
            "PlaybooksTests",
            ["Playbooks", "Core", "Documents", "Expressions", "Growth"],
            data: ["Cases", "Goldens"]
        ),
        tests("ExpressionsTests", ["Expressions"]),
        tests("BehaviourTests", ["Behaviour", "Core", "Traffic", "Policies", "Wire"]),
        tests("PoliciesTests", ["Policies", "Core", "Traffic", "Expressions"], data: ["Cases"]),
    ] + measures
)
