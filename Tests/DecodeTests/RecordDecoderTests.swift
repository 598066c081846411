import Base
import Telemetry
import Testing

@testable import Decode

/// Every kind of good and bad record, one at a time.
@Suite struct RecordDecoderTests {
  static let time: UInt64 = 1_790_000_000_123

  private static let good =
    Wire.text(1, "sat-00042") + Wire.fixed64(2, time) + Wire.text(3, "eu-north")
    + Wire.text(4, "2.1.0") + Wire.integer(5, 77) + Wire.double(6, 28.5) + Wire.double(15, -0.25)

  private func reason(_ outcome: DecodeOutcome) -> DeadReason? {
    if case .dead(let reason, let detail) = outcome {
      #expect(!detail.isEmpty)
      return reason
    }
    return nil
  }

  @Test func `a snapshot becomes one reading with exactly its values`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    #expect(fixture.decode(Self.good) == .read(rows: 1))
    #expect(fixture.batch.rowEventTimes == [1_790_000_000_123_000])
    #expect(fixture.batch.rowFlags == [0])
    #expect(fixture.batch.rowIndexes == [0])
    #expect(fixture.batch.recordSequences == [77])
    #expect(fixture.batch.recordTimestamps == [7])
    #expect(fixture.batch.recordOutcomes == [.read])
    #expect(fixture.vocabulary.devices.text(of: fixture.batch.recordDevices[0]) == "sat-00042")
    let words = fixture.batch.recordAttributes
    #expect(fixture.vocabulary.attributes[0].text(of: words[0]) == "eu-north")
    #expect(fixture.vocabulary.attributes[1].text(of: words[1]) == "2.1.0")
    #expect(fixture.batch.presenceWords == [0b10_0000_0001])
    #expect(fixture.double(row: 0, metric: 0) == 28.5)
    #expect(fixture.double(row: 0, metric: 9) == -0.25)
    #expect(fixture.value(row: 0, metric: 1) == nil)
  }

  @Test func `absent is not zero`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    let zero = Wire.text(1, "a") + Wire.fixed64(2, 1 << 50) + Wire.double(6, 0) + Wire.integer(5, 0)
    fixture.decode(zero)
    fixture.decode(Wire.text(1, "a") + Wire.fixed64(2, 1 << 50))
    #expect(fixture.double(row: 0, metric: 0) == 0)
    #expect(fixture.value(row: 1, metric: 0) == nil)
    #expect(fixture.batch.recordSequences == [0, ReadingBatch.absentSequence])
    #expect(fixture.batch.recordAttributes == Array(repeating: WordTable.none, count: 4))
  }

  @Test func `a record without a value, without a device or without a time is dead`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    let time = Wire.fixed64(2, Self.time)
    #expect(reason(fixture.decode(nil)) == .nullPayload)
    #expect(reason(fixture.decode([])) == .noDevice)
    #expect(reason(fixture.decode(time)) == .noDevice)
    #expect(reason(fixture.decode(Wire.text(1, "") + time)) == .noDevice)
    #expect(reason(fixture.decode(Wire.text(1, "a"))) == .noTime)
    #expect(reason(fixture.decode(Wire.text(1, "a") + Wire.fixed64(2, 0))) == .noTime)
    #expect(fixture.batch.recordCount == 6)
    #expect(fixture.batch.rowCount == 0)
    #expect(fixture.batch.outcomeCounts()[.dead] == 6)
    #expect(fixture.batch.recordDevices.allSatisfy { $0 == WordTable.none })
    #expect(fixture.vocabulary.devices.count == 0, "dead records leave no words behind")
  }

  @Test func `cut short at every byte, a message is truncated or a shorter message`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    var boundaries: Set<Int> = [0]
    for part in [
      Wire.text(1, "sat-00042"), Wire.fixed64(2, Self.time), Wire.text(3, "eu-north"),
      Wire.text(4, "2.1.0"), Wire.integer(5, 77), Wire.double(6, 28.5), Wire.double(15, -0.25),
    ] {
      boundaries.insert((boundaries.max() ?? 0) + part.count)
    }
    for count in 0..<Self.good.count {
      let outcome = fixture.decode(Array(Self.good.prefix(count)))
      #expect((reason(outcome) == .truncated) != boundaries.contains(count), "cut at \(count)")
    }
  }

  @Test func `an inner length that contradicts the outer one is malformed, not truncated`() throws {
    var fixture = try Fixture(Fixture.samples)
    let sample: [UInt8] = Wire.bytes(6, Wire.tag(2, 2) + [200] + Array("ab".utf8))
    #expect(reason(fixture.decode(Wire.text(1, "a") + sample)) == .malformed)
    #expect(reason(fixture.decode(Wire.text(1, "a") + sample.dropLast())) == .truncated)
  }

  @Test func `the wrong message type is told by its wire types`() throws {
    var snapshots = try Fixture(Fixture.snapshots)
    var samples = try Fixture(Fixture.samples)
    let batch = Wire.text(1, "inv-1") + Wire.text(2, "eu") + Wire.bytes(6, Wire.fixed64(1, 1))
    #expect(reason(snapshots.decode(batch)) == .wrongType)
    #expect(reason(samples.decode(Self.good)) == .wrongType)
    #expect(reason(snapshots.decode(batch + [0x0A, 9])) == .truncated, "the structure comes first")
  }

  @Test(arguments: [UInt64(11), 12])
  func `random bytes never do harm`(seed: UInt64) throws {
    print("seed \(seed)")
    var random = SplitMix64(seed: seed)
    var fixture = try Fixture(Fixture.snapshots)
    for _ in 0..<10_000 {
      let count = Int.random(in: 1...64, using: &random)
      fixture.decode((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
    #expect(fixture.batch.recordCount == 10_000)
    #expect(fixture.batch.outcomeCounts().consumed == 10_000)
  }

  @Test func `implausible times are stored with a flag`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    let device = Wire.text(1, "a")
    // 1999-12-31T23:59:59.999Z, the first plausible time, and the year 2100.
    for time in [946_684_799_999, 946_684_800_000, 4_102_444_800_000] as [UInt64] {
      #expect(fixture.decode(device + Wire.fixed64(2, time)) == .read(rows: 1))
    }
    // The last time that microseconds can hold, the one after, and the largest of all.
    let last = UInt64(Int64.max / 1000)
    for time in [last, last + 1, UInt64.max] {
      fixture.decode(device + Wire.fixed64(2, time))
    }
    let before = ReadingFlags.beforePlausible.rawValue
    let future = ReadingFlags.future.rawValue
    #expect(fixture.batch.rowFlags == [before, 0, 0, 0, future, future])
    #expect(fixture.batch.rowEventTimes[4] == Int64.max)
    #expect(fixture.batch.rowEventTimes[5] == Int64.max)
  }

  @Test func `units convert to microseconds, rounding down`() throws {
    var mapping = Probe.mapping
    let cases: [(MessageMapping.TimeUnit, Int64, Int64)] = [
      (.seconds, 1_790_000_000, 1_790_000_000_000_000), (.microseconds, 1, 1),
      (.nanoseconds, -1, -1), (.nanoseconds, 1999, 1), (.milliseconds, -3, -3000),
      (.seconds, Int64.min, Int64.min),
    ]
    for (unit, count, expected) in cases {
      mapping.time.unit = unit
      var fixture = try Fixture(mapping, catalogue: Probe.catalogue)
      fixture.decode(Wire.text(1, "a") + Wire.integer(3, UInt64(bitPattern: count)))
      #expect(fixture.batch.rowEventTimes == [expected])
    }
  }

  @Test func `NaN and infinities are stored and flagged`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    let head = Wire.text(1, "a") + Wire.fixed64(2, Self.time)
    for value in [Double.nan, .infinity, -.infinity, .greatestFiniteMagnitude] {
      fixture.decode(head + Wire.double(7, value))
    }
    #expect(fixture.batch.rowFlags == [1, 1, 1, 0])
    #expect(fixture.double(row: 0, metric: 1)?.isNaN == true)
    #expect(fixture.double(row: 2, metric: 1) == -.infinity)
  }

  @Test func `NUL and invalid UTF-8 are dead in a mapped string and nothing elsewhere`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    let time = Wire.fixed64(2, Self.time)
    #expect(reason(fixture.decode(Wire.text(1, "a\0b") + time)) == .nulInString)
    #expect(reason(fixture.decode(Wire.bytes(1, [0xC0, 0x80]) + time)) == .invalidUTF8)
    let region = Wire.bytes(3, [0x65, 0xFF])
    #expect(reason(fixture.decode(Wire.text(1, "a") + time + region)) == .invalidUTF8)
    let unknown = Wire.bytes(900, [0, 0xFF])
    #expect(fixture.decode(Wire.text(1, "a") + time + unknown) == .read(rows: 1))
    #expect(
      fixture.decode(Wire.text(1, "a") + time + region + Wire.text(3, "eu")) == .read(rows: 1),
      "the last occurrence counts")
  }

  @Test func `strings of ten megabytes are dead where mapped and skipped where not`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    let huge = String(repeating: "x", count: 10 << 20)
    let head = Wire.text(1, "a") + Wire.fixed64(2, Self.time)
    #expect(reason(fixture.decode(head + Wire.text(1, huge))) == .stringTooLong)
    #expect(reason(fixture.decode(head + Wire.text(4, huge))) == .stringTooLong)
    #expect(fixture.decode(head + Wire.text(900, huge)) == .read(rows: 1))
    let longest = String(repeating: "x", count: StringBounds.recordTextByteCountMax)
    #expect(fixture.decode(head + Wire.text(1, longest)) == .read(rows: 1))
    #expect(reason(fixture.decode(head + Wire.text(1, longest + "x"))) == .stringTooLong)
  }

  @Test func `depth is bounded, for messages and for groups`() throws {
    var probes = try Fixture(Probe.mapping, catalogue: Probe.catalogue)
    func nested(_ depth: Int) -> [UInt8] {
      (0..<depth).reduce([]) { inner, _ in Wire.bytes(20, inner) }
    }
    func groups(_ depth: Int) -> [UInt8] {
      (0..<depth).reduce([]) { inner, _ in Wire.group(500, inner) }
    }
    let head = Wire.text(1, "a") + Wire.integer(3, 1_790_000_000)
    #expect(probes.decode(head + nested(64)) == .read(rows: 1))
    #expect(reason(probes.decode(head + nested(65))) == .tooDeep)
    #expect(reason(probes.decode(head + nested(2000))) == .tooDeep)
    #expect(probes.decode(head + groups(64)) == .read(rows: 1))
    #expect(reason(probes.decode(head + groups(65))) == .tooDeep)
    let opened = (0..<100_000).flatMap { _ in Wire.tag(500, 3) }
    #expect(reason(probes.decode(head + opened)) == .tooDeep)
    let opaque = (0..<2000).reduce([]) { inner, _ in Wire.bytes(501, inner) }
    #expect(probes.decode(head + opaque) == .read(rows: 1), "unknown bytes are not looked into")
  }

  @Test func `unknown groups are skipped wherever they stand`() throws {
    var fixture = try Fixture(Fixture.samples)
    // Sizes around the places where the length of the mask needs one byte more.
    for count in [0, 1, 5, 124, 125, 126, 127, 128, 129, 130, 16_380, 16_384, 16_390] {
      let group = Wire.group(7, Wire.bytes(1, Array(repeating: 0xFF, count: count)))
      let sample = Wire.bytes(
        6, Wire.fixed64(1, Self.time * 1000) + group + Wire.text(2, "m") + Wire.double(3, 4))
      let outcome = fixture.decode(group + Wire.text(1, "a") + sample + group)
      #expect(outcome == .read(rows: 1), "group of \(count) bytes")
      #expect(fixture.double(row: fixture.batch.rowCount - 1, metric: 0) == 4)
    }
    #expect(reason(fixture.decode(Wire.text(1, "a") + Wire.tag(7, 4))) == .malformed)
    #expect(reason(fixture.decode(Wire.tag(7, 3) + Wire.tag(8, 4))) == .malformed)
    #expect(reason(fixture.decode(Wire.text(1, "a") + Wire.tag(7, 3))) == .truncated)
  }

  @Test func `packed and unpacked elements are both fine, broken ones are malformed`() throws {
    var fixture = try Fixture(Probe.mapping, catalogue: Probe.catalogue)
    let head = Wire.text(1, "a") + Wire.integer(3, 1_790_000_000)
    #expect(fixture.decode(head + Wire.double(4, 1) + Wire.double(4, 2)) == .read(rows: 1))
    #expect(fixture.decode(head + Wire.bytes(4, Array(repeating: 1, count: 24))) == .read(rows: 1))
    #expect(reason(fixture.decode(head + Wire.bytes(4, [1, 2, 3]))) == .malformed)
    #expect(fixture.decode(head + Wire.bytes(14, [1, 0x80, 0x01])) == .read(rows: 1))
    #expect(reason(fixture.decode(head + Wire.bytes(14, [1, 0x80]))) == .malformed)
  }

  @Test func `the last occurrence of a scalar wins`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    fixture.decode(Self.good + Wire.double(6, 1.5) + Wire.text(1, "sat-2") + Wire.integer(5, 78))
    #expect(fixture.double(row: 0, metric: 0) == 1.5)
    #expect(fixture.vocabulary.devices.text(of: fixture.batch.recordDevices[0]) == "sat-2")
    #expect(fixture.batch.recordSequences == [78])
  }

  @Test func `a sequence or metric beyond a long is absent and flagged`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    fixture.decode(Self.good + Wire.integer(5, UInt64(Int64.max)))
    fixture.decode(Self.good + Wire.integer(5, UInt64(Int64.max) + 1))
    #expect(fixture.batch.recordSequences == [Int64.max, ReadingBatch.absentSequence])
    #expect(fixture.batch.rowFlags == [0, ReadingFlags.outOfRange.rawValue])
    var probes = try Fixture(Probe.mapping, catalogue: Probe.catalogue)
    let counter = try #require(
      probes.batch.schema.metrics.firstIndex { $0.name == "counter" })
    let head = Wire.text(1, "a") + Wire.integer(3, 1_790_000_000)
    probes.decode(head + Wire.integer(6, UInt64.max))
    probes.decode(head + Wire.integer(6, UInt64(Int64.max)))
    #expect(probes.value(row: 0, metric: counter) == nil)
    #expect(probes.value(row: 1, metric: counter) == UInt64(Int64.max))
    #expect(probes.batch.rowFlags == [ReadingFlags.outOfRange.rawValue, 0])
  }

  @Test func `the record's key can be the device`() throws {
    var mapping = Fixture.snapshots
    mapping.device = .recordKey
    var fixture = try Fixture(mapping)
    #expect(fixture.decode(Self.good, key: Array("key-1".utf8)) == .read(rows: 1))
    #expect(fixture.vocabulary.devices.text(of: fixture.batch.recordDevices[0]) == "key-1")
    #expect(reason(fixture.decode(Self.good)) == .noDevice)
    #expect(reason(fixture.decode(Self.good, key: [])) == .noDevice)
    #expect(reason(fixture.decode(Self.good, key: [0x61, 0])) == .nulInString)
    #expect(reason(fixture.decode(Self.good, key: [0xFF])) == .invalidUTF8)
    #expect(
      reason(fixture.decode(Self.good, key: Array(repeating: 0x61, count: 1025)))
        == .stringTooLong)
  }

  @Test func `a record may not take more memory than it is given`() throws {
    var fixture = try Fixture(Fixture.samples, options: .init(unpackByteCountMax: 1 << 20))
    let empties = (0..<100_000).flatMap { _ in Wire.bytes(6, []) }
    #expect(reason(fixture.decode(Wire.text(1, "a") + empties)) == .tooLarge)
    #expect(fixture.decode(Wire.text(1, "a")) == .empty, "and the next one is not affected")
    let unknowns = (0..<100_000).flatMap { _ in Wire.integer(9, 1) }
    #expect(fixture.decode(Wire.text(1, "a") + unknowns) == .empty, "what is skipped takes none")
    var reference = try Fixture(
      Fixture.samples, options: .init(unpackByteCountMax: 1 << 20), usesReference: true)
    #expect(reason(reference.decode(Wire.text(1, "a") + empties)) == .tooLarge)
    #expect(reason(reference.decode(Wire.text(1, "a") + unknowns)) == .tooLarge)
    #expect(reference.decode(Wire.text(1, "a")) == .empty)
  }

  @Test func `wherever memory runs out, the record is dead and nothing breaks`() throws {
    func filler(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }
    let place = Wire.double(1, 1) + Wire.text(3, "there") + Wire.bytes(5, filler(80))
    let message =
      Wire.text(1, "a") + Wire.integer(3, 1) + Wire.bytes(2, place)
      + Wire.bytes(4, filler(800)) + Wire.bytes(15, filler(64))
      + Wire.text(16, "note") + Wire.bytes(20, Wire.bytes(2, place)) + Wire.text(777, "unknown")
      + (0..<40).flatMap { _ in Wire.integer(778, 1) }
    var deadCount = 0
    for limit in stride(from: 64, through: 16_000, by: 24) {
      var fixture = try Fixture(
        Probe.mapping, catalogue: Probe.catalogue, options: .init(unpackByteCountMax: limit),
        usesReference: true)
      let outcome = fixture.decode(message)
      if outcome == .read(rows: 1) { continue }
      #expect(reason(outcome) == .tooLarge)
      deadCount += 1
    }
    #expect(deadCount > 50 && deadCount < 600)
  }
}
