import Telemetry
import Testing

@testable import Decode

/// Messages of a hundred megabytes: dead by the limits, and read where somebody raises those.
@Suite(.serialized) struct LargeMessageTests {
  private static let byteCount = 100_000_000

  private static let head = Wire.text(1, "inv-1") + Wire.integer(5, 7)

  private static func sample(_ value: Double) -> [UInt8] {
    Wire.bytes(
      6, Wire.fixed64(1, 1_790_000_000_000_000) + Wire.text(2, "a_c") + Wire.double(3, value))
  }

  /// One sample, a hundred megabytes that nobody wants in `pieceByteCount`s, one more sample.
  private static func message(pieceByteCount: Int) -> [UInt8] {
    var message = head + sample(1)
    message.reserveCapacity(byteCount + 1000)
    let piece = Wire.bytes(777, Array(repeating: 0x61, count: pieceByteCount))
    while message.count < byteCount { message += piece }
    return message + sample(2)
  }

  private static func isDead(_ outcome: DecodeOutcome, _ expected: DeadReason) -> Bool {
    if case .dead(expected, let detail) = outcome { return !detail.isEmpty }
    return false
  }

  @Test func `is dead by the default limits before anything of it is read`() throws {
    var fixture = try Fixture(Fixture.samples)
    let outcome = fixture.decode(Self.message(pieceByteCount: 1 << 20))
    #expect(Self.isDead(outcome, .tooLarge), "\(outcome)")
    #expect(fixture.decoder.slots.stepCount == 0 && fixture.decoder.slots.rowCount == 0)
  }

  @Test func `is read under a raised limit, and takes no memory for what is skipped`() throws {
    var fixture = try Fixture(
      Fixture.samples, options: .init(payloadByteCountMax: Self.byteCount * 2))
    for pieceByteCount in [10_000, 60_000_000] {
      let outcome = fixture.decode(Self.message(pieceByteCount: pieceByteCount))
      #expect(outcome == .read(rows: 2))
    }
    #expect((0..<4).map { fixture.double(row: $0, metric: 0) } == [1, 2, 1, 2])
    #expect(fixture.decoder.slots.byteCount < 10_000)
    #expect(fixture.decoder.slots.stepCount == 0)
  }

  @Test func `of rows alone it needs more memory, or more rows, than one record is given`() throws {
    let message = Self.head + Array(repeating: [0x32, 0], count: Self.byteCount / 2).flatMap(\.self)
    var fixture = try Fixture(
      Fixture.samples,
      options: .init(unpackByteCountMax: 32 << 20, payloadByteCountMax: Self.byteCount * 2))
    var outcome = fixture.decode(message)
    #expect(Self.isDead(outcome, .tooLarge), "\(outcome)")
    #expect(fixture.decoder.slots.byteCount <= 32 << 20)
    fixture = try Fixture(
      Fixture.samples,
      options: .init(payloadByteCountMax: Self.byteCount * 2, rowCountMax: 1_000_000))
    outcome = fixture.decode(message)
    #expect(Self.isDead(outcome, .tooManyRows), "\(outcome)")
    #expect(fixture.decoder.slots.rowCount == 1_000_000)
    #expect(fixture.decode(Self.head) == .empty)
    #expect(fixture.decoder.slots.byteCount <= SlotMemory.keptByteCountMax + 4096)
  }

  @Test func `a text of a hundred megabytes is too long wherever it is mapped`() throws {
    let text = Array(repeating: UInt8(ascii: "a"), count: Self.byteCount)
    var fixture = try Fixture(
      Fixture.samples, options: .init(payloadByteCountMax: Self.byteCount * 2))
    let outcome = fixture.decode(Wire.bytes(1, text))
    #expect(Self.isDead(outcome, .stringTooLong), "\(outcome)")
    #expect(fixture.vocabulary.devices.count == 0)
  }
}
