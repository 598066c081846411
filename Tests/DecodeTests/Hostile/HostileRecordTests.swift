import Base
import Telemetry
import Testing

@testable import Decode

/// Records made to cost: steps and bytes are counted, never time.
@Suite struct HostileRecordTests {
  /// `Message.place` has so many numbers; `one` and `other` are members of a oneof with as many.
  private static let slotCount = 300

  private static let catalogue: Result<MessageCatalogue, any Error> = Result {
    let numbers = (1...slotCount).map { "double v\($0) = \($0);" }.joined(separator: " ")
    let proto = """
      syntax = "proto3";
      package t;
      message Place { \(numbers) }
      message Row { int64 at = 1; double value = 2; Place place = 3; }
      message Message {
        string id = 1;
        int64 at = 2;
        Place place = 3;
        oneof choice { Place one = 4; Place other = 5; }
        repeated Row rows = 6;
        map<int64, double> numbers = 7;
        map<string, double> words = 8;
      }
      """
    return try MessageCatalogue(
      descriptorSet: try Protobuf.descriptorSet(of: ["t.proto": proto]), path: "t.proto")
  }

  private static let head = Wire.text(1, "a") + Wire.integer(2, 1)

  private func mapping(_ paths: [String], rows: String? = nil) -> MessageMapping {
    var mapping = MessageMapping(
      source: "s", messageName: "t.Message", rows: rows, device: .field("id"),
      time: .init(field: "at", unit: .seconds),
      metrics: .list(paths.enumerated().map { .init(field: $1, name: "m\($0)") }),
      plausibleFromMicros: 0)
    mapping.implicitZero = true
    return mapping
  }

  private func numbers(of path: String) -> [String] {
    (1...Self.slotCount).map { "\(path).v\($0)" }
  }

  private func repeated(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(bytes.count * count)
    for _ in 0..<count { all += bytes }
    return all
  }

  private func makeFixture(
    _ mapping: MessageMapping, _ options: RecordDecoder.Options = .init()
  ) throws -> Fixture {
    try Fixture(mapping, catalogue: Self.catalogue.get(), options: options)
  }

  @Test func `a wrong wire type costs a step for 64 slots, however often it comes`() throws {
    var fixture = try makeFixture(mapping(numbers(of: "place")))
    let count = 20_000
    let payload = Self.head + repeated(Wire.integer(3, 0), count)
    #expect(fixture.decode(payload) == .read(rows: 1))
    // And a few at the beginning, for what is zero unless the message says otherwise.
    let steps = fixture.decoder.slots.stepCount - count * (Self.slotCount / 64 + 1)
    #expect((0..<10).contains(steps))
    #expect(fixture.faults.count == 1)
    #expect(fixture.value(row: 0, metric: 7) == nil)
  }

  @Test func `in rows as well, and what was noted takes less memory than the rows`() throws {
    let limit = 8 << 20
    var fixture = try makeFixture(
      mapping(numbers(of: "rows.place") + ["rows.value"], rows: "rows"),
      .init(unpackByteCountMax: limit))
    let row = Wire.bytes(6, repeated(Wire.integer(3, 0), 40))
    #expect(fixture.decode(Self.head + repeated(row, 1000)) == .read(rows: 1000))
    #expect(fixture.faults.count == 100)
    #expect(fixture.decoder.slots.byteCount < limit)
    let outcome = fixture.decode(Self.head + repeated(row, 20_000))
    guard case .dead(.tooLarge, _) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(fixture.decoder.slots.byteCount <= limit * 2)
    #expect(fixture.decode(Self.head) == .empty)
    #expect(fixture.decoder.slots.byteCount <= 2 * SlotMemory.keptByteCountMax)
  }

  @Test func `a oneof that takes a wrong type back leaves nothing of it`() throws {
    var fixture = try makeFixture(mapping(numbers(of: "one") + numbers(of: "other")))
    let payload = Self.head + repeated(Wire.integer(4, 0) + Wire.bytes(5, []), 10)
    #expect(fixture.decode(payload) == .read(rows: 1))
    #expect(fixture.faults.isEmpty)
    #expect(fixture.value(row: 0, metric: 0) == nil)
    #expect(fixture.value(row: 0, metric: Self.slotCount) == 0)
  }

  @Test func `a record that makes more steps than its size warrants is too large`() throws {
    var fixture = try makeFixture(
      mapping(numbers(of: "one") + numbers(of: "other")), .init(unpackByteCountMax: 1 << 16))
    let flip = Wire.bytes(4, []) + Wire.bytes(5, [])
    #expect(fixture.decode(Self.head + repeated(flip, 1000)) == .read(rows: 1))
    let payload = Self.head + repeated(flip, 100_000)
    let outcome = fixture.decode(payload)
    guard case .dead(.tooLarge, let detail) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(detail.contains("t.Message.o") && detail.contains("steps"), "\(detail)")
    let allowed = 64 * payload.count + 1_000_000 + (1 << 16) / 8
    #expect(fixture.decoder.slots.stepCount <= allowed + 2 * Self.slotCount)
    #expect(fixture.decode(Self.head) == .read(rows: 1), "the next record begins anew")
  }

  @Test func `the walk stops at the limit of rows`() throws {
    for usesReference in [false, true] {
      var fixture = try Fixture(
        mapping(["rows.value"], rows: "rows"), catalogue: Self.catalogue.get(),
        options: .init(rowCountMax: 1000), usesReference: usesReference)
      let row = Wire.bytes(6, Wire.double(2, 1))
      #expect(fixture.decode(Self.head + repeated(row, 1000)) == .read(rows: 1000))
      let outcome = fixture.decode(Self.head + repeated(row, 100_000))
      #expect(
        outcome == .dead(.tooManyRows, detail: "more than 1000 rows, which is the limit"))
      #expect(fixture.decoder.slots.byteCount < 100_000)
    }
  }

  @Test func `what one record with many rows took goes back`() throws {
    var fixture = try makeFixture(mapping(["rows.value"], rows: "rows"))
    let payload = Self.head + repeated(Wire.bytes(6, []), 2_000_000)
    #expect(fixture.decode(payload) == .read(rows: 2_000_000))
    #expect(fixture.decoder.slots.byteCount > 30 << 20)
    fixture.decode(Self.head)
    #expect(fixture.decoder.slots.byteCount <= SlotMemory.keptByteCountMax + 4096)
  }

  // MARK: - Hashes

  @Test func `keys that are made to collide cost no more than others`() throws {
    var fixture = try makeFixture(mapping(["numbers.value"], rows: "numbers"))
    let count = 10_000
    // With the hash of before, key * 0x9E37_79B9_7F4A_7C15 folded, all of these fell in one bucket.
    let inverse = CollidingWords.inverse(of: 0x9E37_79B9_7F4A_7C15)
    let folded = (1...UInt64(count)).map { ($0 << 32 | $0) &* inverse }
    // And with xxHash64 and the seed 0 these do.
    for keys in [folded, CollidingWords.words(count: count)] {
      let entries = keys.flatMap { Wire.bytes(7, Wire.integer(1, $0)) }
      #expect(fixture.decode(Self.head + entries) == .read(rows: count))
      #expect(fixture.decoder.rowKeys.probeCount < 4 * count)
    }
    var texts = try makeFixture(mapping(["words.value"], rows: "words"))
    let words = CollidingWords.words(count: count).flatMap { word in
      Wire.bytes(8, Wire.bytes(1, CollidingWords.bytes(of: word)))
    }
    #expect(texts.decode(Self.head + words) == .read(rows: count))
    #expect(texts.decoder.rowKeys.probeCount < 4 * count)
  }

  @Test func `without a seed they would collide`() {
    let count = 1000
    var table = RowKeyTable(seed: 0)
    table.begin(count: count)
    let places = Set(CollidingWords.words(count: count).map { table.place(ofWord: $0) })
    #expect(places.count == 1)
  }

  @Test func `a key's column is found among two thousand, and no other`() throws {
    let numbers = ColumnKeys((0..<2000).map { (.word(UInt64($0) * 7), $0) })
    let texts = Array((0..<2000).map { "key-\($0)" }.joined().utf8)
    var ranges: [Range<Int>] = []
    for index in 0..<2000 {
      let start = ranges.last?.upperBound ?? 0
      ranges.append(start..<start + "key-\(index)".utf8.count)
    }
    let words = ColumnKeys(ranges.enumerated().map { (.text(Array(texts[$1])), $0) })
    for index in 0..<2000 {
      let word = UInt64(ranges[index].lowerBound) << 32 | UInt64(ranges[index].count)
      #expect(unsafe numbers.slot(of: UInt64(index) * 7, in: texts.span.bytes) == index)
      #expect(unsafe numbers.slot(of: UInt64(index) * 7 + 1, in: texts.span.bytes) == nil)
      #expect(unsafe words.slot(of: word, in: texts.span.bytes) == index)
      #expect(unsafe words.slot(of: word - 1, in: texts.span.bytes) != index)
    }
  }

  // MARK: - Varints and lengths

  @Test(arguments: [false, true])
  func `numbers that are too long or too large are what the format says`(
    usesReference: Bool
  ) throws {
    var fixture = try Fixture(
      mapping(["rows.value"], rows: "rows"), catalogue: Self.catalogue.get(),
      usesReference: usesReference)
    func reason(_ payload: [UInt8]) -> DeadReason? {
      if case .dead(let reason, _) = fixture.decode(payload) { reason } else { nil }
    }
    let full = [UInt8](repeating: 0xFF, count: 9)
    // Ten bytes: bits beyond the 64th are dropped.
    #expect(fixture.decode(Self.head + Wire.tag(99, 0) + full + [0x7F]) == .empty)
    #expect(fixture.decode(Self.head + Wire.tag(2, 0) + full + [0x01]) == .empty)
    // Not minimal, which is allowed: a time of 1 in ten bytes, tags and lengths in five.
    let padded: [UInt8] = [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]
    #expect(fixture.decode(Wire.text(1, "a") + Wire.tag(2, 0) + padded) == .empty)
    #expect(fixture.decode([0x8A, 0x80, 0x80, 0x80, 0, 0x81, 0x80, 0, 0x61] + Wire.integer(2, 1))
      == .empty)
    // Eleven bytes, for a field that is read and for one that is not.
    for number in [2, 99] as [UInt64] {
      let long = Wire.tag(number, 0) + full + [0xFF, 0x01]
      #expect(reason(Self.head + long) == .malformed)
      #expect(reason(Self.head + Wire.bytes(3, long)) == .malformed)
    }
    // Tags of more than 32 bits, or of six bytes.
    #expect(reason(Self.head + [0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1]) == .malformed)
    #expect(reason(Self.head + [0x90, 0x80, 0x80, 0x80, 0x80, 0x00, 1]) == .malformed)
    // Lengths past the end, and those that no message can have.
    for length in [100, 1 << 20, UInt64(Int32.max)] {
      #expect(reason(Self.head + Wire.tag(1, 2) + Wire.varint(length)) == .truncated)
      let inner = Wire.bytes(3, Wire.tag(98, 2) + Wire.varint(length))
      #expect(reason(Self.head + inner) == .malformed, "contradicts the length around it")
    }
    for length in [1 << 31, UInt64(UInt32.max), 1 << 40, UInt64.max] {
      #expect(reason(Self.head + Wire.tag(1, 2) + Wire.varint(length) + full) == .malformed)
    }
  }
}

/// Words that xxHash64 with the seed 0 sends to one place of any table: its steps for eight bytes,
/// taken back.
enum CollidingWords {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  static func words(count: Int) -> [UInt64] { (1...UInt64(count)).map { word(hashing: $0 << 32) } }

  static func bytes(of word: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
  }

  /// Of an odd number, modulo 2^64: each step of Newton's doubles the bits that are right.
  static func inverse(of number: UInt64) -> UInt64 {
    var inverse = number
    for _ in 0..<6 { inverse = inverse &* (2 &- number &* inverse) }
    return inverse
  }

  private static func word(hashing hash: UInt64) -> UInt64 {
    var value = hash ^ hash >> 32
    value = value &* inverse(of: prime3)
    value = value ^ value >> 29 ^ value >> 58
    value = value &* inverse(of: prime2)
    value = value ^ value >> 33
    value = rotate((value &- prime4) &* inverse(of: prime1), 64 - 27) ^ (prime5 &+ 8)
    return rotate(value &* inverse(of: prime1), 64 - 31) &* inverse(of: prime2)
  }

  private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    value << bits | value >> (64 - bits)
  }
}
