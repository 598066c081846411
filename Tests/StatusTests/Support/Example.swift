import Maintenance
import Metrics
import Telemetry

@testable import Pipeline
@testable import Status

/// Statuses to render.
enum Example {
  /// 2026-11-21T07:32:00Z.
  static let now: Int64 = 1_795_246_320_000_000
  /// What somebody may call a device who wishes the reader ill.
  static let hostileDevice = "</td><script>alert('1')</script>\u{1B}[2J\u{202E}\"&\n"

  static func second(_ count: Double) -> Int64 { Int64(count * 1e6) }

  /// Nothing has happened yet.
  static func fresh() -> PipelineStatus {
    var status = PipelineStatus(
      pipeline: "fleet", program: "downlinkd 0.1.0", configFingerprint: "0123abcd",
      startedAtMicros: now - second(60))
    status.nowMicros = now
    return status
  }

  /// Two partitions at work, and something of everything.
  static func busy() -> PipelineStatus {
    var status = fresh()
    status.phase = .running
    status.phaseSinceMicros = now - second(50)
    status.partitions = [partition(0, behind: 0), partition(1, behind: 340)]
    status.partitions[1].isPaused = true
    status.brokers = [
      .init(name: "kafka-1:9092/1", state: "UP", roundTripMicros: 1500),
      .init(name: "kafka-2:9092/2", state: "DOWN", roundTripMicros: 0),
    ]
    status.groupState = "up"
    status.rebalanceCount = 2
    status.sessionCount = 1
    status.totals = [
      "records_read": 1000, "records_dead": 3, "readings": 4000, "readings_late": 7,
      "readings_too_late": 2, "firings": 120, "firings_again": 4, "files": 12,
      "file_bytes": 3_000_000, "dead_letters": 3, "anomalies_refused": 1,
    ]
    status.labelledTotals = [
      .init(name: "dead_letters", labels: [.init("reason", "truncated")], value: 2),
      .init(name: "dead_letters", labels: [.init("reason", "no \"de\\vice\"\n")], value: 1),
      .init(name: "anomalies", labels: step("opened"), value: 5),
      .init(name: "anomalies", labels: step("closed"), value: 4),
    ]
    status.commitCount = 9
    status.conflictCount = 1
    status.receivedByteCount = 1 << 40
    let commit = PipelineStatus.Commit(
      version: 41, atMicros: now - second(2.5), durationMicros: 120_000, recordCount: 100,
      readingCount: 400, firingCount: 12, fileCount: 3, byteCount: 250_000)
    status.lastCommit = commit
    status.recentCommits = [commit]
    status.commitSeconds.observe(0.12, times: 8)
    status.commitSeconds.observe(700)
    status.endToEndSeconds.observe(3, times: 1000)
    status.openAnomalies = [
      .init(source: "buses", detector: "too_hot", severity: "critical", count: 1)
    ]
    status.openDetails = [
      .init(
        id: "00000000000000a1", source: "buses", device: hostileDevice, metric: "temperature",
        detector: "too_hot", rule: "limits", severity: "critical",
        openedAtMicros: now - second(5), value: 91.5, expected: 90,
        evidence: #"{"kind":"limits","worst":93}"#)
    ]
    status.tables = tables()
    status.recentAnomalies = [note(device: hostileDevice)]
    status.lastReload = .init(
      atMicros: now - second(30), isAccepted: false, detail: "kafka.brokers cannot change")
    status.reloadCount = 1
    status.reloadRefusedCount = 1
    status.webhooks = [
      .init(
        name: "pager", format: "alertmanager", isSending: true, sentCount: 12, refusedCount: 1,
        leftOutCount: 2, missedCommitCount: 7, failedCount: 3, queuedCount: 4,
        oldestMicros: status.nowMicros - 5_000_000, firingCount: 6,
        trouble: "alerts wait: it answered 503: \"busy\""),
      .init(
        name: "standby", format: "webhook", isSending: false, sentCount: 0, refusedCount: 0,
        leftOutCount: 0, missedCommitCount: 0, failedCount: 0, queuedCount: 0, oldestMicros: nil,
        firingCount: 0, trouble: nil),
    ]
    status.schemaRegistry = .init(url: "http://schemas:8081")
    status.schemaRegistry?.answeredCount = 3
    status.schemaRegistry?.failedCount = 2
    status.schemaRegistry?.knownIDCount = 3
    status.schemaRegistry?.waitSeconds = 1.5
    status.drift = drift()
    return status
  }

  /// One whose size is known, and one whose log cannot be read.
  static func tables() -> [PipelineStatus.Table] {
    var tables = [PipelineStatus.Table(name: "readings_buses"), .init(name: "windows")]
    tables[0].version = 41
    tables[0].fileCount = 100
    tables[0].byteCount = 5_000_000
    tables[0].rowCount = 4000
    tables[0].finality = [
      .init(
        source: "buses", completeThrough: now - second(90),
        finalThrough: now - second(3600), finalThroughOfAll: now - second(7200),
        sleepingBehindCount: 2, timelessCount: 1, ledgerVersion: 40)
    ]
    tables[1].trouble = "it is gone"
    return tables
  }

  /// Of two sources, the second one's schema being up to date.
  static func drift() -> [PipelineStatus.Drift] {
    var drift = PipelineStatus.Drift(source: "buses")
    drift.unknownFieldCount = 1205
    drift.unknownEnumNumberCount = 2
    drift.otherCount = 1
    drift.found = [
      finding(21, name: nil, number: nil, count: 1200),
      finding(3, name: "mode", number: 9, count: 2),
      finding(4, name: "place", number: nil, count: 4),
    ]
    return [drift, PipelineStatus.Drift(source: "planes")]
  }

  static func finding(
    _ field: UInt32, name: String?, number: Int32?, count: Int64
  ) -> PipelineStatus.Drift.Finding {
    .init(
      messageName: "fleet.Report", fieldNumber: field, fieldName: name, enumNumber: number,
      count: count, topicPartition: TopicPartition(topic: "telemetry", partition: 1), offset: 4711,
      firstSeenMicros: now - second(20), wireType: 2, byteCount: 300, bytes: Array(0..<64))
  }

  static func step(_ state: String) -> [PipelineStatus.LabelledTotal.Label] {
    [
      .init("source", "buses"), .init("detector", "too_hot"), .init("severity", "critical"),
      .init("state", state),
    ]
  }

  static func partition(_ number: Int32, behind: Int64) -> PipelineStatus.Partition {
    var partition = PipelineStatus.Partition(
      topicPartition: TopicPartition(topic: "telemetry", partition: number), incarnation: 0,
      lane: Int(number) % 2)
    partition.nextOffset = 5000
    partition.committedOffset = 4900
    partition.endOffset = 5000 + behind
    partition.beginningOffset = 0
    partition.clockMicros = now - second(1.5)
    partition.newestEventTimeMicros = now - second(4)
    partition.watermarkMicros = now - second(34)
    partition.deviceCount = 12
    partition.duplicates = PipelineStatus.Duplicates(
      foundCount: 4, rememberedCount: 900, forgottenEarlyCount: 1)
    partition.stateByteCount = 80_000
    partition.bufferedByteCount = 9000
    return partition
  }

  static func note(device: String) -> PipelineStatus.AnomalyNote {
    .init(
      id: "a1", source: "buses", device: device, metric: "temperature", detector: "too_hot",
      severity: "critical", state: "opened", eventTimeMicros: now - second(5), value: 91.5,
      expected: nil, evidence: #"{"limit":90}"#)
  }

  /// The busy one with as many partitions and anomalies as a big instance has.
  static func big(partitionCount: Int32 = 256) -> PipelineStatus {
    var status = busy()
    status.partitions = (0..<partitionCount).map { partition($0, behind: Int64($0)) }
    status.recentAnomalies = (0..<200).map { note(device: "device-\($0)") }
    status.openDetails = (0..<200).map { number in
      .init(
        id: "a\(number)", source: "buses", device: "device-\(number)", metric: "temperature",
        detector: "too_hot", rule: "limits", severity: "critical",
        openedAtMicros: now - second(5), value: 91.5, expected: nil,
        evidence: #"{"kind":"limits","side":"high","bound":90,"worst":91.5}"#)
    }
    return status
  }

  static let process = ProcessUsage(
    residentByteCount: 50_000_000, residentByteCountMax: 60_000_000, cpuSeconds: 12.5,
    threadCount: 14, openFileCount: 40, openFileCountMax: 1024)

  static func view(_ status: PipelineStatus) -> StatusView {
    StatusView(
      status, process, .init(open: 2, accepted: 31, evicted: 1, silenced: 4, flooded: 0),
      history: history(), maintenance: maintenance())
  }

  /// Two tables in good hands, and a root with a budget.
  static func maintenance() -> MaintenanceStatus {
    var status = MaintenanceStatus()
    status.role = .active
    status.passCount = 7
    status.lastPassMicros = now - second(20)
    status.lastPassMillis = 1250
    status.root.use = StorageUse(
      usedByteCount: 800, liveByteCount: 600, removedByteCount: 100, freeByteCount: 5000,
      budgetByteCount: 1000, warningByteCount: 900, growthPerDay: 100)
    var readings = TableStatus(name: "readings_buses")
    readings.version = 1200
    readings.checkpointVersion = 1100
    readings.smallFileCount = 12
    readings.tombstoneByteCount = 100
    readings.expiredFileCount = 3
    readings.orphanCount = 1
    status.tables = [readings, TableStatus(name: "windows")]
    return status
  }

  /// Two minutes of a pipeline whose lag is `lag(seconds ago)`; a dead letter a minute ago.
  static func history(
    seconds: Int64 = 120, lag: (Int64) -> Int64 = { _ in 340 }
  ) -> [StatusHistory.Point] {
    stride(from: seconds, through: 0, by: -5).map { ago in
      .init(
        atMicros: now - second(Double(ago)), recordsPerSecond: ago == seconds ? nil : 120,
        bytesPerSecond: ago == seconds ? nil : 4096, lagRecords: lag(ago), lagSeconds: 1.5,
        watermarkLagSeconds: 34, deadLetterCount: ago > 60 ? 2 : 3)
    }
  }
}
