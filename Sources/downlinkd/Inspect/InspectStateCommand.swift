import ArgumentParser
import Base
import Config
import Detectors
import Ledger
import Pipeline
import Storage
import Telemetry

/// `downlinkd inspect state`: a state snapshot.
struct InspectStateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "state",
    abstract: "Show what a state snapshot holds: devices, windows, detectors, what is open.",
    discussion: """
      Give the file's path below the root, or --partition for its newest snapshot. With --device \
      and --metric it shows what the detectors have learned of that series.

      Exit codes: 0 done, 65 the snapshot is damaged, 69 there is none or it cannot be read, 78 \
      the configuration does not fit it.
      """)

  @Argument(help: .init("The snapshot, such as _state/….state.", valueName: "file"))
  var file: String?

  @Option(
    name: .long, help: .init("Its newest snapshot, such as telemetry[0].", valueName: "topic[n]"))
  var partition: String?

  @Option(name: .long, help: "The configuration file; a state is read by the sources in it.")
  var config: String

  @Option(name: .long, help: "Show what was learned of a series of this device.")
  var device: String?

  @Option(name: .long, help: "The series' metric.")
  var metric: String?

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    if (file == nil) == (partition == nil) {
      throw ValidationError("give the snapshot's file, or --partition")
    }
    if (device == nil) != (metric == nil) {
      throw ValidationError("--device and --metric go together")
    }
    if let partition, Self.topicPartition(partition) == nil {
      throw ValidationError("\"\(partition)\" is not of the form topic[number]")
    }
  }

  static func topicPartition(_ text: String) -> TopicPartition? {
    guard text.hasSuffix("]"), let bracket = text.lastIndex(of: "["), bracket > text.startIndex,
      let number = Int32(text[text.index(after: bracket)...].dropLast()), number >= 0
    else { return nil }
    return TopicPartition(topic: String(text[..<bracket]), partition: number)
  }

  func run() throws {
    let (configuration, wiring) = try Checked.load(config)
    let storage = try Checked.storage(of: configuration, in: config, .readOnly)
    var series: (device: String, metric: String)?
    if let device, let metric { series = (device, metric) }
    let report: StateReport
    do throws(StateReport.Failure) {
      report = try StateReport.read(
        path: file, partition: partition.flatMap(Self.topicPartition), options: wiring.pipeline,
        storage: storage, series: series)
    } catch {
      switch error {
      case .damaged: throw inspectionFailed("\(error)", damaged: true)
      case .unreadable, .unknown: throw inspectionFailed("\(error)", damaged: false)
      case .incompatible:
        complain("inspect: \(error)")
        throw ExitCode(Exit.configuration)
      }
    }
    let text = StateText(report, hasSeries: series != nil)
    print(json ? text.json.text : text.text)
    if report.standing == .damaged { throw ExitCode(Exit.findings) }
  }
}

/// A state snapshot for people and programs.
struct StateText {
  private static let openCountMax = 20

  private let report: StateReport
  private let hasSeries: Bool

  init(_ report: StateReport, hasSeries: Bool) {
    self.report = report
    self.hasSeries = hasSeries
  }

  private var checksum: String {
    switch report.standing {
    case .named: "\(RandomID.hex(report.checksum)), as the ledger has it"
    case .damaged: "\(RandomID.hex(report.checksum)), NOT as the ledger has it: damaged"
    case .unnamed: "\(RandomID.hex(report.checksum)); the ledger does not name the file (any more)"
    }
  }

  var text: String {
    var lines = ["state of \(report.key), source \(report.source), at offset \(report.cut)"]
    func fact(_ name: String, _ value: String) { lines.append(InspectText.fact(name, value)) }
    fact("file", "\(report.path), \(InspectText.bytes(Int64(report.byteCount)))")
    fact("checksum", checksum)
    fact("clock", InspectText.time(report.clockMicros))
    fact("newest event", InspectText.time(report.newestEventTimeMicros))
    fact("devices", "\(report.deviceCount)")
    if !report.attributeCounts.isEmpty {
      fact(
        "attributes",
        report.attributeCounts.map { "\($0.name): \(InspectText.counted($0.count, "word"))" }
          .joined(separator: ", "))
    }
    if report.metricCount > 0 { fact("metrics", "\(report.metricCount)") }
    fact(
      "windows",
      (report.windowNames.isEmpty ? "none" : report.windowNames.joined(separator: ", "))
        + "; \(InspectText.counted(report.sliceCount, "slice")), "
        + "\(InspectText.bytes(Int64(report.windowsByteCount))) in memory")
    fact(
      "detectors",
      (report.detectors.isEmpty
        ? "none" : report.detectors.map { "\($0.name) (\($0.rule))" }.joined(separator: ", "))
        + "; \(InspectText.bytes(Int64(report.detectorsByteCount))) in memory")
    if let remembered = report.rememberedCount {
      fact("remembered", "\(InspectText.counted(remembered, "record")), to find duplicates")
    }
    fact("open", "\(report.openCount) \(report.openCount == 1 ? "anomaly" : "anomalies")")
    lines += open + learned
    return lines.joined(separator: "\n")
  }

  private var open: [String] {
    if report.open.isEmpty { return [] }
    var rows = [["  id", "severity", "detector", "device", "metric", "opened", "value"]]
    for anomaly in report.open.prefix(Self.openCountMax) {
      rows.append([
        "  " + anomaly.id, anomaly.severity, anomaly.detector,
        anomaly.device.isEmpty ? "-" : InspectText.name(anomaly.device, countMax: 40),
        anomaly.metric.map { InspectText.name($0, countMax: 40) } ?? "-",
        InspectText.time(anomaly.openedAtMicros), anomaly.value.map { "\($0)" } ?? "-",
      ])
    }
    var lines = [""] + InspectText.table(rows)
    if report.openCount > Self.openCountMax {
      lines.append("  … and \(report.openCount - Self.openCountMax) more")
    }
    return lines
  }

  private var learned: [String] {
    if !hasSeries { return [] }
    if report.learned.isEmpty { return ["", "no statistical detector has heard that series"] }
    var lines = [""]
    for series in report.learned {
      lines.append("\(series.detector) (\(series.rule))")
      for (name, value) in [
        ("  usual", "\(series.mean)"), ("  spread", "\(series.spread)"),
        ("  recent", "\(series.recent)"), ("  worth", "\(series.weight) buckets"),
        ("  heard since", InspectText.time(series.heardSinceMicros)),
        ("  last bucket", InspectText.time(series.lastBucketMicros)),
        ("  judges", series.isWarm ? "yes" : "not yet: it warms up"),
        ("  threshold", "\(series.threshold)"), ("  anomaly", series.isOpen ? "open" : "none"),
      ] { lines.append(InspectText.fact(name, value)) }
    }
    return lines
  }

  var json: JSONValue {
    func time(_ micros: Int64?) -> JSONValue {
      .optional(micros.map { Timestamp.text(micros: $0) })
    }
    func number(_ value: Double?) -> JSONValue { value.flatMap { JSONValue.double($0) } ?? .null }
    return [
      "path": .string(report.path), "topic": .string(report.key.topic),
      "incarnation": .int(report.key.incarnation), "partition": .int(report.key.partition),
      "source": .string(report.source), "cut": .int(report.cut),
      "bytes": .int(report.byteCount), "checksum": .string(RandomID.hex(report.checksum)),
      "ledger": .string(report.standing.rawValue), "clock": time(report.clockMicros),
      "newest_event_time": time(report.newestEventTimeMicros),
      "devices": .int(report.deviceCount),
      "attributes": .object(
        report.attributeCounts.map { JSONMember($0.name, .int($0.count)) }),
      "metrics": .int(report.metricCount),
      "windows": .array(report.windowNames.map { .string($0) }),
      "slices": .int(report.sliceCount),
      "detectors": .array(
        report.detectors.map { ["name": .string($0.name), "rule": .string($0.rule)] }),
      "remembered": report.rememberedCount.map { .int($0) } ?? .null,
      "open_count": .int(report.openCount),
      "open": .array(
        report.open.map {
          [
            "id": .string($0.id), "device": .string($0.device), "metric": .optional($0.metric),
            "detector": .string($0.detector), "rule": .string($0.rule),
            "severity": .string($0.severity), "opened_at": time($0.openedAtMicros),
            "value": number($0.value), "expected": number($0.expected),
          ]
        }),
      "learned": .array(
        report.learned.map {
          [
            "detector": .string($0.detector), "rule": .string($0.rule), "mean": number($0.mean),
            "spread": number($0.spread), "recent": number($0.recent), "weight": number($0.weight),
            "heard_since": time($0.heardSinceMicros), "last_bucket": time($0.lastBucketMicros),
            "warm": .bool($0.isWarm), "open": .bool($0.isOpen), "threshold": number($0.threshold),
          ]
        }),
    ]
  }
}
