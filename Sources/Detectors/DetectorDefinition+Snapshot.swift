import Base

// Definitions as bytes: a state is saved with the ones it was made under.
extension DetectorDefinition {
  private enum Tag {
    static let limits: UInt8 = 1
    static let silence: UInt8 = 2
    static let statistical: UInt8 = 3
  }

  func encode(into writer: inout ByteWriter) {
    writer.append(lengthPrefixed: name)
    writer.append(metric == nil ? 0 as UInt8 : 1)
    if let metric { writer.append(lengthPrefixed: metric.pattern) }
    writer.append(littleEndian: Int64(openCountMax))
    switch rule {
    case .limits(let rule):
      writer.append(Tag.limits)
      rule.encode(into: &writer)
    case .silence(let rule):
      writer.append(Tag.silence)
      writer.append(littleEndian: rule.afterMicros)
    case .statistical(let rule):
      writer.append(Tag.statistical)
      rule.encode(into: &writer)
    }
  }

  init(from reader: inout ByteReader) throws(ByteReaderError) {
    let name = try reader.readText()
    let metric = try reader.readByte() == 0 ? nil : Glob(try reader.readText())
    let openCountMax = try reader.read(Int64.self)
    let rule: DetectorRule
    switch try reader.readByte() {
    case Tag.limits: rule = .limits(try LimitsRule(from: &reader))
    case Tag.silence: rule = .silence(SilenceRule(afterMicros: try reader.read()))
    case Tag.statistical: rule = .statistical(try StatisticalRule(from: &reader))
    default: throw .malformed(filePosition: reader.filePosition)
    }
    guard openCountMax > 0 else { throw .malformed(filePosition: reader.filePosition) }
    self.init(name: name, metric: metric, rule: rule, openCountMax: Int(openCountMax))
    guard isSound else { throw .malformed(filePosition: reader.filePosition) }
  }
}

extension LimitsRule {
  fileprivate func encode(into writer: inout ByteWriter) {
    for bounds in [warning, critical] {
      writer.append(bounds == nil ? 0 as UInt8 : 1)
      guard let bounds else { continue }
      for bound in [bounds.low, bounds.high] {
        writer.append(bound == nil ? 0 as UInt8 : 1)
        if let bound { writer.append(bound) }
      }
    }
    writer.append(clearMargin)
    switch persistence {
    case .readings(let count):
      writer.append(0 as UInt8)
      writer.append(littleEndian: Int64(count))
    case .duration(let micros):
      writer.append(1 as UInt8)
      writer.append(littleEndian: micros)
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(ByteReaderError) {
    let warning = try Self.readBounds(from: &reader)
    let critical = try Self.readBounds(from: &reader)
    let clearMargin = try reader.readDouble()
    let isDuration = try reader.readByte() != 0
    let number = try reader.read(Int64.self)
    self.init(
      warning: warning, critical: critical, clearMargin: clearMargin,
      persistence: isDuration ? .duration(micros: number) : .readings(Int(number)))
  }

  private static func readBounds(
    from reader: inout ByteReader
  ) throws(ByteReaderError) -> Bounds? {
    if try reader.readByte() == 0 { return nil }
    let low = try reader.readByte() == 0 ? nil : try reader.readDouble()
    let high = try reader.readByte() == 0 ? nil : try reader.readDouble()
    return Bounds(low: low, high: high)
  }
}

extension StatisticalRule {
  fileprivate func encode(into writer: inout ByteWriter) {
    writer.append(lengthPrefixed: kind.rawValue)
    for span in [
      everyMicros, halfLifeMicros, fastHalfLifeMicros, warmUpMicros, refractoryMicros,
      falseAlarmEveryMicros,
    ] { writer.append(littleEndian: span) }
    writer.append(changeMin)
  }

  fileprivate init(from reader: inout ByteReader) throws(ByteReaderError) {
    guard let kind = Kind(rawValue: try reader.readText()) else {
      throw .malformed(filePosition: reader.filePosition)
    }
    self.init(
      kind: kind, everyMicros: try reader.read(), halfLifeMicros: try reader.read(),
      fastHalfLifeMicros: try reader.read(), warmUpMicros: try reader.read(),
      refractoryMicros: try reader.read(), falseAlarmEveryMicros: try reader.read(),
      changeMin: try reader.readDouble())
  }
}
