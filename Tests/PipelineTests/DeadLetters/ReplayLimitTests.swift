import Base
import Decode
import Storage
import Testing

@testable import Pipeline

/// Records with many bad rows, and limits of words, when letters are decoded again.
@Suite struct ReplayLimitTests {
  /// A record of the narrow source whose bad rows have no time of their own, but their record's
  /// when the configuration is mended.
  private static func record(
    _ device: String = "inv-1", good: [String] = [], bad: [String]
  ) -> TestRecord {
    let micros = UInt64(TestSources.startMillis * 1000)
    var writer = ByteWriter()
    TelemetryEncoder.append(
      TelemetryBatchMessage(
        deviceID: device, sequence: micros / 1_000_000,
        samples: good.map { .init(timeUnixMicros: micros, metric: $0, value: 1) }
          + bad.map { .init(timeUnixMicros: 0, metric: $0, value: 2) }), to: &writer)
    return TestRecord(
      key: Array(device.utf8), payload: writer.bytes, timestampMicros: Int64(micros))
  }

  private static func replay(
    _ storage: MemoryStorage, _ change: (inout RecordLimits) -> Void = { _ in }
  ) throws -> ReplayReport {
    var options = try LetterRoot.options(isMended: true)
    change(&options.sources[1].limits)
    return try DeadLetterReplay(
      options: options, storage: storage, log: TestSources.silentLog
    ).run(DeadLetterFilter(topic: "samples"))
  }

  private static func sampleReadings(_ storage: MemoryStorage) throws -> [String] {
    try LetterRoot.readings(storage).filter { $0.hasPrefix("samples ") }
  }

  @Test(arguments: [100, 101, 250])
  func `every row of a record with many bad ones comes back`(badCount: Int) throws {
    let storage = MemoryStorage()
    let bad = (0..<badCount).map { "m\($0)" }
    try LetterRoot.make(storage, samples: [Self.record(good: ["a", "b", "c"], bad: bad)])
    let letterCount = try LetterRoot.summary(storage, .init(topic: "samples")).total.pending
    #expect(letterCount == (badCount == 100 ? 100 : 1))
    #expect(try Self.sampleReadings(storage).count == (badCount == 100 ? 3 : 0))
    let report = try Self.replay(storage)
    #expect(report.readCount == letterCount)
    let readings = try Self.sampleReadings(storage)
    #expect(readings.count == badCount + 3)
    #expect(Set(readings.map { $0.split(separator: " ")[2] }).count == badCount + 3)
    #expect(try LetterRoot.summary(storage, .init(topic: "samples")).total.pending == 0)
  }

  @Test func `an entry brings no more devices of a partition than its limit`() throws {
    let storage = MemoryStorage()
    try LetterRoot.make(
      storage, samples: ["inv-1", "inv-2", "inv-1"].map { Self.record($0, bad: ["a"]) })
    let report = try Self.replay(storage) { $0.deviceCountMax = 1 }
    #expect(report.readCount == 2)
    #expect(report.stillDead.mapValues(\.count) == ["too_many_devices": 1])
    #expect(try Self.replay(storage).readCount == 1, "with a higher limit it comes back")
    #expect(try Self.sampleReadings(storage).count == 3)
  }

  @Test func `an entry brings no more metric names of a partition than its limit`() throws {
    let storage = MemoryStorage()
    try LetterRoot.make(
      storage, samples: [Self.record(bad: ["a", "b", "c"]), Self.record(bad: ["b", "a"])])
    let report = try Self.replay(storage) { $0.metricCountMax = 2 }
    #expect(report.readCount == 2 && report.readingCount == 4)
    #expect(report.newLetterCount == 1, "of the row with the third name")
    #expect(try Self.replay(storage).readingCount == 1)
    #expect(try Self.sampleReadings(storage).count == 5)
  }
}
