package import Base

// State snapshot.
extension SeriesJudge {
  /// Appends every number bit for bit: 86 bytes.
  package func encode(into writer: inout ByteWriter) {
    for number in [mean, spread, recent, weight, recentWeight] { writer.append(number) }
    for time in [heardSince, lastBucket, phaseSince] { writer.append(littleEndian: time) }
    tail.encode(into: &writer)
    writer.append(littleEndian: penalty.bitPattern)
    writer.append(littleEndian: bucketsOpen)
    writer.append(usualCount)
    writer.append(phase.rawValue)
  }

  /// Reads back what `encode` wrote; numbers that no judge can hold are `malformed`.
  package init(from reader: inout ByteReader) throws(ByteReaderError) {
    mean = try reader.readDouble()
    spread = try reader.readDouble()
    recent = try reader.readDouble()
    weight = try reader.readDouble()
    recentWeight = try reader.readDouble()
    heardSince = try reader.read(Int64.self)
    lastBucket = try reader.read(Int64.self)
    phaseSince = try reader.read(Int64.self)
    tail = try TailFit(from: &reader)
    penalty = Float(bitPattern: try reader.read(UInt32.self))
    bucketsOpen = try reader.read(UInt32.self)
    usualCount = try reader.readByte()
    let phase = Phase(rawValue: try reader.readByte())
    guard let phase, isSound else { throw .malformed(filePosition: reader.filePosition) }
    self.phase = phase
  }

  /// Whether the numbers keep the invariants.
  var isSound: Bool {
    // Twice: a mean of steps, and a fast mean before rounding.
    let magnitudes = [mean, spread, recent].allSatisfy { abs($0) <= 4 * Self.magnitudeMax }
    let weights = [weight, recentWeight, Double(penalty)].allSatisfy { $0 >= 0 && $0.isFinite }
    return magnitudes && weights && spread >= 0 && usualCount < UInt8.max && tail.isSound
  }
}
