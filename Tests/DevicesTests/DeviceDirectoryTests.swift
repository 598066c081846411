import Base
import Telemetry
import Testing
import Windows

@testable import Devices

@Suite struct DeviceDirectoryTests {
  private static let second: Int64 = 1_000_000

  // MARK: - Against a model

  @Test(arguments: [false, true])
  func `it agrees with a model that keeps every reading`(isNarrow: Bool) {
    var seeds = SystemRandomNumberGenerator()
    for _ in 0..<40 {
      let seed = UInt64.random(in: .min ... .max, using: &seeds)
      var fleet = RandomRecords(seed: seed, isNarrow: isNarrow)
      let records = (0..<400).map { _ in fleet.next() }
      var partition = TestPartition(isNarrow: isNarrow)
      var model = DeviceModel()
      var rest = records[...]
      while !rest.isEmpty {
        let run = rest.prefix(Int(fleet.random.next() % 90) + 1)
        rest = rest.dropFirst(run.count)
        partition.take(Array(run))
        if fleet.random.next() % 4 == 0 { partition.saveAndRestore() }
      }
      for record in partition.seen { model.take(record) }
      #expect(model.rows(of: partition) == partition.rows, "seed \(seed)")
    }
  }

  @Test func `runs and snapshots change no bit`() {
    var fleet = RandomRecords(seed: 7, isNarrow: false)
    let records = (0..<1000).map { _ in fleet.next() }
    var whole = TestPartition(isNarrow: false)
    whole.take(records)
    var cut = TestPartition(isNarrow: false)
    for record in records {
      cut.take([record])
      cut.saveAndRestore()
    }
    #expect(whole.directory == cut.directory)
  }

  // MARK: - By hand

  private func reading(
    _ device: String, _ seconds: Int64?, at kafka: Int64?, region: String? = nil,
    flags: ReadingFlags = [], offset: Int64
  ) -> TestRecord {
    TestRecord(
      device: device, offset: offset, timestamp: kafka.map { $0 * Self.second },
      attributes: [region, nil],
      rows: seconds.map { [.init(time: $0 * Self.second, flags: flags)] } ?? [])
  }

  @Test func `an attribute is as old as the reading that brought it`() {
    var partition = TestPartition(isNarrow: false)
    partition.take([
      reading("a", 100, at: 100, region: "north", offset: 0),
      reading("a", 110, at: 110, offset: 1),
      reading("a", 120, at: 120, region: "south", offset: 2),
      reading("a", 105, at: 130, region: "south", offset: 3),
    ])
    let region = partition.directory.attribute(0, ofDevice: 0)
    #expect(region.since == 120 * Self.second, "a word that stays is not renewed by a late record")
    #expect(partition.text(region, column: 0) == "south")
    #expect(partition.directory.attribute(1, ofDevice: 0).word == WordTable.none)
  }

  @Test func `a record without a trusted time brings an attribute whose age comes later`() {
    var partition = TestPartition(isNarrow: false)
    partition.take([
      reading("a", nil, at: 100, region: "north", offset: 0),
      reading("a", 5, at: 101, region: "north", flags: .beforePlausible, offset: 1),
    ])
    #expect(partition.directory.attribute(0, ofDevice: 0).since == DeviceEntry.none)
    #expect(partition.text(partition.directory.attribute(0, ofDevice: 0), column: 0) == "north")
    partition.take([reading("a", 102, at: 102, region: "north", offset: 2)])
    #expect(partition.directory.attribute(0, ofDevice: 0).since == 102 * Self.second)
  }

  @Test func `a clock ahead is counted, measured, and leaves first seen alone`() {
    var partition = TestPartition(isNarrow: false)
    partition.take([
      reading("a", 99, at: 100, offset: 0),
      reading("a", 100_000_000, at: 101, offset: 1),
      reading("a", 90, at: 102, offset: 2),
      reading("a", 101, at: nil, offset: 3),
    ])
    let entry = partition.directory[0]
    #expect(entry.futureCount == 1)
    #expect(entry.beforePlausibleCount == 0)
    #expect(entry.firstSeen == 90 * Self.second)
    #expect(entry.lastSkew == -12 * Self.second, "a record without a timestamp measures nothing")
    #expect(entry.largestSkew == (100_000_000 - 101) * Self.second)
    #expect(entry.lastKafkaTimestamp == 102 * Self.second)
    #expect((entry.recordCount, entry.readingCount, entry.lastOffset) == (4, 4, 3))
    #expect(entry.lateCount == 1)
  }

  @Test func `differences beyond 64 bits stop at the largest number`() {
    var partition = TestPartition(isNarrow: false)
    partition.take([
      TestRecord(
        device: "a", offset: 0, timestamp: -5, attributes: [nil, nil],
        rows: [.init(time: .max, flags: .future)]),
      TestRecord(
        device: "b", offset: 1, timestamp: 5, attributes: [nil, nil],
        rows: [.init(time: .min, flags: .beforePlausible)]),
    ])
    #expect(partition.directory[0].lastSkew == .max)
    #expect(partition.directory[1].lastSkew == -.max)
  }

  // MARK: - State

  @Test func `a state without a directory seeds words and begins to count`() {
    var partition = TestPartition(isNarrow: false)
    partition.take([reading("a", 100, at: 100, region: "north", offset: 0)])
    partition.directory = DeviceDirectory(
      attributeCount: 2, deviceCount: partition.windows.deviceCount,
      attributeWords: partition.windows.attributeWords)
    #expect(partition.text(partition.directory.attribute(0, ofDevice: 0), column: 0) == "north")
    #expect(!partition.directory[0].isMet)
    partition.take([
      reading("a", 110, at: 110, region: "north", offset: 1),
      reading("b", 111, at: 111, offset: 2),
    ])
    #expect(partition.directory[0].firstSeen == DeviceEntry.none, "nobody can say")
    #expect(partition.directory[0].readingCount == 1)
    #expect(partition.directory.attribute(0, ofDevice: 0).since == 110 * Self.second)
    #expect(partition.directory[1].firstSeen == 111 * Self.second)
  }

  @Test func `bytes that are none of ours are refused`() throws {
    var partition = TestPartition(isNarrow: false)
    partition.take([reading("a", 100, at: 100, region: "north", offset: 0)])
    var writer = ByteWriter()
    partition.directory.encode(into: &writer)
    for count in 0..<writer.count {
      var reader = ByteReader(Array(writer.bytes[..<count]))
      #expect(throws: ByteReaderError.self, "cut short at \(count)") {
        try DeviceDirectory(from: &reader, attributeCount: 2)
      }
    }
    var other = writer.bytes
    other[0] ^= 1
    var reader = ByteReader(other)
    #expect(throws: ByteReaderError.self) {
      try DeviceDirectory(from: &reader, attributeCount: 2)
    }
    #expect(partition.directory.fits(partition.vocabulary))
    #expect(!partition.directory.fits(Vocabulary(attributeCount: 2)))
  }
}
