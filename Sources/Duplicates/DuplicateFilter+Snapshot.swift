package import Base
package import Telemetry

// What is remembered as bytes, bit for bit. The clock is not among them: it is the windows', which
// are saved behind the same record. In order:
//
//     format         4 bytes "DUP1"
//     rule           key, 1 byte; within, ms; records at most
//     generations    their number; of each its count, first and last time
//     ring           16 or 20 bytes a record, oldest first
extension DuplicateFilter {
  private static let format: UInt32 = 0x3150_5544

  /// Appends the state. Cost: two copies of the ring.
  package func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: Self.format)
    writer.append(rule.by.rawValue)
    writer.append(varint: UInt64(rule.withinMillis))
    writer.append(varint: UInt64(rule.recordCountMax))
    writer.append(varint: UInt64(records.generations.count))
    for generation in records.generations {
      writer.append(varint: UInt64(generation.count))
      writer.append(littleEndian: generation.beganMillis)
      writer.append(littleEndian: generation.lastMillis)
    }
    writer.append(memoryOf: records.words)
  }

  /// Reads a state back, with the rule it was saved under. Bytes that make no sense throw; none
  /// lead to more memory than they have themselves, by a small factor.
  ///
  /// - Parameters:
  ///   - clock: the partition's, saved with it.
  ///   - deviceCount: words of the vocabulary that was saved with it.
  package init(
    from reader: inout ByteReader, clock: PartitionClock, maxFutureSkewMicros: Int64,
    deviceCount: Int
  ) throws(ByteReaderError) {
    guard try reader.read(UInt32.self) == Self.format,
      let key = DuplicateRule.Key(rawValue: try reader.readByte())
    else { throw .malformed(filePosition: reader.filePosition) }
    let within = try reader.readVarint()
    let countMax = try reader.readVarint()
    guard let within = Int64(exactly: within), let countMax = Int(exactly: countMax),
      DuplicateRule.withinMillisRange.contains(within),
      DuplicateRule.recordCountRange.contains(countMax)
    else { throw .malformed(filePosition: reader.filePosition) }
    let rule = DuplicateRule(by: key, withinMillis: within, recordCountMax: countMax)
    let generations = try Self.generations(from: &reader, rule)
    let count = generations.reduce(0) { $0 + $1.count }
    let wordCount = RecordIdentity.wordCount(by: key)
    let words = try reader.readMemory(of: UInt32.self, count: count * (wordCount + 1))
    guard
      let records = RecentRecords(
        keyWordCount: wordCount, countMax: countMax, words: words, generations: generations)
    else { throw .malformed(filePosition: reader.filePosition) }
    self.init(
      rule: rule, clock: clock, maxFutureSkewMicros: maxFutureSkewMicros, records: records)
    guard isSound, key == .payload || Self.devicesExist(words, deviceCount: deviceCount) else {
      throw .malformed(filePosition: reader.filePosition)
    }
  }

  private static func generations(
    from reader: inout ByteReader, _ rule: DuplicateRule
  ) throws(ByteReaderError) -> [RecentRecords.Generation] {
    var generations: [RecentRecords.Generation] = []
    var total = 0
    for _ in 0..<(try reader.readCount(elementByteCount: 17)) {
      let count = try reader.readVarint()
      guard count <= UInt64(rule.recordCountMax - total) else {
        throw .malformed(filePosition: reader.filePosition)
      }
      total += Int(count)
      generations.append(
        RecentRecords.Generation(
          count: Int(count), beganMillis: try reader.read(), lastMillis: try reader.read()))
    }
    return generations
  }

  /// Whether the times are such that this clock could have left: none lies ahead of it, and what
  /// it has passed by more than `within` is gone.
  private var isSound: Bool {
    guard let first = records.generations.first, let last = records.generations.last else {
      return true
    }
    let earliest = clockMillis - rule.withinMillis
    return last.lastMillis <= clockMillis && first.lastMillis >= earliest
      && first.beganMillis >= -PartitionClock.magnitudeMax
  }

  private static func devicesExist(_ words: [UInt32], deviceCount: Int) -> Bool {
    for word in stride(from: 2, to: words.count, by: 4) where Int(words[word]) >= deviceCount {
      return false
    }
    return true
  }
}
