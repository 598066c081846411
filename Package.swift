// swift-tools-version: 6.2
import PackageDescription

// Every target of ours is compiled with the same settings: docs/STYLE.md says what each is for.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

/// A module of ours. `uses` names strictly lower modules only; `TidyTests` holds the levels.
func module(_ name: String, uses: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: uses, swiftSettings: settings)
}

func tests(_ name: String, uses: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: name + "Tests",
    dependencies: [.byName(name: name)] + uses,
    swiftSettings: settings)
}

let package = Package(
  name: "downlink",
  products: [
    .executable(name: "downlinkd", targets: ["downlinkd"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // System libraries: a module map and a shim, nothing else.
    .systemLibrary(name: "CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
    .systemLibrary(
      name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLz4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
    .target(name: "CTelemetryProto", dependencies: ["CProtobufC"]),

    module("Base"),
    module("Telemetry", uses: ["Base"]),
    module("Storage", uses: ["Base"]),
    module("Kafka", uses: ["Base", "Telemetry", "CRdkafka"]),
    module("Decode", uses: ["Base", "Telemetry", "CProtobufC", "CTelemetryProto"]),
    module("Windows", uses: ["Base", "Telemetry"]),
    module("Parquet", uses: ["Base", "CZstd", "CLz4", "CSnappy"]),
    module("DeltaLog", uses: ["Base", "Storage"]),
    module("Ledger", uses: ["Base", "Storage"]),

    tests("Base"),
    tests("Telemetry", uses: ["Base"]),
  ]
)
