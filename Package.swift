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

/// A benchmark: an executable that prints rates and a hash of its result (`make bench`).
func benchmark(_ name: String, uses: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: uses, path: "Benchmarks/\(name)", swiftSettings: settings)
}

func tests(_ name: String, uses: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: name + "Tests",
    dependencies: [.byName(name: name), "TestSupport"] + uses,
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
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
  ],
  targets: [
    // System libraries: a module map and a shim, nothing else.
    .systemLibrary(name: "CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
    .systemLibrary(
      name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(
      name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLz4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
    .target(name: "CTelemetryProto", dependencies: ["CProtobufC"]),

    module("Base"),
    module("Telemetry", uses: ["Base"]),
    module("Storage", uses: ["Base"]),
    module("Metrics", uses: ["Base"]),
    module("HTTPClient", uses: ["CCurl"]),
    module("Kafka", uses: ["Base", "Telemetry", "CRdkafka"]),
    module("Decode", uses: ["Base", "Telemetry", "CProtobufC", "CTelemetryProto"]),
    module("Windows", uses: ["Base", "Telemetry"]),
    module("Detectors", uses: ["Base", "Telemetry"]),
    module("Devices", uses: ["Base", "Telemetry"]),
    module("Duplicates", uses: ["Base", "Telemetry"]),
    module("SchemaRegistry", uses: ["Base", "Storage", "HTTPClient", "Decode"]),
    module("Inference", uses: ["Base", "Telemetry", "Decode"]),
    module("Parquet", uses: ["Base", "CZstd", "CLz4", "CSnappy"]),
    module("DeltaLog", uses: ["Base", "Storage", "Parquet"]),
    module("Ledger", uses: ["Base", "Storage"]),
    module("TableReading", uses: ["Base", "Storage", "Windows", "Parquet", "DeltaLog"]),
    module(
      "Pipeline",
      uses: [
        "Base", "Telemetry", "Storage", "Metrics", "Kafka", "Decode", "Windows", "Detectors",
        "Devices", "Duplicates", "Parquet", "DeltaLog", "Ledger", "TableReading",
        .product(name: "Logging", package: "swift-log"),
      ]),
    module(
      "Maintenance",
      uses: [
        "Base", "Telemetry", "Storage", "Parquet", "DeltaLog", "Ledger", "TableReading",
        .product(name: "Logging", package: "swift-log"),
      ]),
    module("Audit", uses: ["Base", "Storage", "Parquet", "DeltaLog", "Ledger"]),
    module(
      "Alerts",
      uses: [
        "Base", "Storage", "HTTPClient", "Pipeline",
        .product(name: "Logging", package: "swift-log"),
      ]),
    module(
      "Simulator",
      uses: [
        "Base", "Telemetry", "Storage", "Kafka", "Decode", "Windows", "Detectors", "Duplicates",
        "Parquet", "DeltaLog", "Ledger", "Maintenance", "Pipeline", "Audit",
        .product(name: "Logging", package: "swift-log"),
      ]),
    module(
      "Status",
      uses: [
        "Base", "Telemetry", "Metrics", "TableReading", "Pipeline", "Maintenance", "CCrypt",
        // swift-metrics, which Hummingbird links, has a module of the name of ours.
        .product(
          name: "Hummingbird", package: "hummingbird",
          moduleAliases: ["Metrics": "SwiftMetrics"]),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    module("Config", uses: ["Base", "Telemetry", .product(name: "Yams", package: "Yams")]),
    .executableTarget(
      name: "downlinkd",
      dependencies: [
        "Base", "Telemetry", "Storage", "Kafka", "Decode", "Windows", "Detectors", "Duplicates",
        "Parquet", "DeltaLog", "Ledger", "TableReading", "Pipeline", "Audit", "SchemaRegistry",
        "Inference", "Config", "Status", "Alerts", "Maintenance", "CSystemd",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "downlinkd-simulator",
      dependencies: [
        "Base", "Simulator", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    .target(name: "CDecodeScanner", path: "Benchmarks/CDecodeScanner"),
    benchmark("DecodeBenchmark", uses: ["Base", "Telemetry", "Decode", "CDecodeScanner"]),
    benchmark("WindowsBenchmark", uses: ["Base", "Telemetry", "Windows", "Devices"]),
    benchmark("DetectorsBenchmark", uses: ["Base", "Telemetry", "Detectors"]),
    benchmark("DetectorReplay", uses: ["Base", "Telemetry", "Detectors"]),
    benchmark("ParquetBenchmark", uses: ["Base", "Parquet"]),
    benchmark(
      "CompactionBenchmark",
      uses: [
        "Base", "Storage", "Parquet", "DeltaLog", "TableReading", "Maintenance",
        .product(name: "Logging", package: "swift-log"),
      ]),
    benchmark("FetchBenchmark", uses: ["Base", "Telemetry", "Kafka"]),
    benchmark(
      "YearBenchmark",
      uses: [
        "Base", "Storage", "Parquet", "DeltaLog", "Ledger", "Maintenance",
        .product(name: "Logging", package: "swift-log"),
      ]),
    benchmark(
      "StatusBenchmark",
      uses: [
        "Base", "Telemetry", "Metrics", "Pipeline", "Status",
        .product(name: "Logging", package: "swift-log"),
      ]),
    benchmark(
      "PipelineBenchmark",
      uses: [
        "Base", "Telemetry", "Storage", "Kafka", "Decode", "Windows", "Detectors", "Parquet",
        "Ledger", "Pipeline", .product(name: "Logging", package: "swift-log"),
      ]),

    // What the tests of several modules share.
    .target(
      name: "TestSupport", dependencies: ["Storage"], path: "Tests/TestSupport",
      swiftSettings: settings),
    tests("Base"),
    tests("Storage", uses: ["Base"]),
    tests("Kafka", uses: ["Base", "Telemetry"]),
    tests("Decode", uses: ["Base", "Telemetry", "CProtobufC"]),
    tests("Windows", uses: ["Base", "Telemetry"]),
    tests("Detectors", uses: ["Base", "Telemetry"]),
    tests("Devices", uses: ["Base", "Telemetry", "Windows"]),
    tests("Duplicates", uses: ["Base", "Telemetry"]),
    tests("SchemaRegistry", uses: ["Base", "Decode"]),
    tests("Inference", uses: ["Base", "Telemetry", "Decode"]),
    tests("Parquet", uses: ["Base"]),
    tests("DeltaLog", uses: ["Base", "Storage", "Parquet"]),
    tests("Telemetry", uses: ["Base"]),
    tests("Metrics", uses: ["Base"]),
    tests("Ledger", uses: ["Base", "Storage"]),
    tests("TableReading", uses: ["Base", "Storage", "Windows", "Parquet", "DeltaLog"]),
    tests(
      "Pipeline",
      uses: [
        "Base", "Telemetry", "Storage", "Kafka", "Decode", "Windows", "Devices", "Duplicates",
        "Parquet", "DeltaLog", "Ledger", "TableReading",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "Maintenance",
      uses: [
        "Base", "Storage", "Parquet", "DeltaLog", "Ledger",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "Audit",
      uses: [
        "Base", "Telemetry", "Storage", "Kafka", "Decode", "Windows", "Detectors", "Parquet",
        "DeltaLog", "Ledger", "TableReading", "Pipeline",
        .product(name: "Logging", package: "swift-log"),
      ]),
    tests(
      "Simulator",
      uses: ["Base", "Telemetry", "Storage", "Parquet", "Kafka", "Decode", "Pipeline"]),
    tests("HTTPClient", uses: ["Base"]),
    tests(
      "Alerts",
      uses: ["Base", "Storage", "HTTPClient", "Pipeline"]),
    tests("Config", uses: ["Base", "Telemetry"]),
    tests(
      "Status",
      uses: [
        "Base", "Telemetry", "Metrics", "Pipeline", "Maintenance",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    .testTarget(
      name: "DownlinkdTests",
      dependencies: [
        "downlinkd", "Base", "Telemetry", "Kafka", "Decode", "Detectors", "Inference", "Parquet",
        "Pipeline", "Config",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings),
    .testTarget(name: "TidyTests", swiftSettings: settings),
  ]
)
