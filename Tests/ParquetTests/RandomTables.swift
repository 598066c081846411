import Base

@testable import Parquet

/// Tables of all types with every kind of gap and every shape of values, from a seed.
struct RandomTables {
  var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func table() -> TestTable {
    let rowGroups = rowGroups()
    let rowCount = rowGroups.reduce(0, +)
    var columns: [TestTable.Column] = []
    for (index, type) in Self.types.enumerated() {
      for variant in 0..<2 { columns.append(column("c\(index)_\(variant)", type, rowCount)) }
    }
    return TestTable(columns: columns, rowGroups: rowGroups, options: options())
  }

  private static let types: [ParquetType] = [
    .boolean, .int32, .int64, .float, .double, .string, .binary, .timestampMicros, .date,
  ]

  private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

  private mutating func pick<Element>(_ choices: [Element]) -> Element {
    choices[below(choices.count)]
  }

  private mutating func rowGroups() -> [Int] {
    (0..<below(4)).map { _ in pick([1, 2, 7, 63, 64, 65, 127, 128, 129, 500, 1500]) }
  }

  private mutating func options() -> ParquetWriterOptions {
    // Drawn from a copy, so that what follows is the same with it and without.
    var other = random
    return ParquetWriterOptions(
      compression: pick([.none, .snappy, .zstd(level: 1), .zstd(level: 9), .lz4]),
      pageByteCountMax: pick([1, 30, 1000, 1 << 20]),
      pageRowCountMax: pick([1, 50, 64, 100, 1 << 17]),
      dictionaryByteCountMax: pick([0, 20, 400, 1 << 20]),
      splitsFloatingPointBytes: below(3) == 0,
      createdBy: "downlink version 1.2.3 (build test)",
      keyValueMetadata: [.init(key: "seed", value: "\(other.next())")])
  }

  private mutating func column(
    _ name: String, _ type: ParquetType, _ rowCount: Int
  ) -> TestTable.Column {
    let isOptional = below(4) > 0
    let form: TestTable.Form = pick([.values, .words, .byteStrings, .constant])
    var values = self.values(type, rowCount)
    let isConstantType = type != .boolean && type != .float && type != .double
    if form == .constant && isConstantType {
      values = Array(repeating: value(type, shape: 3, row: 0), count: rowCount)
    }
    if isOptional { punchHoles(in: &values) }
    return TestTable.Column(
      column: ParquetColumn(name: name, type: type, isOptional: isOptional), values: values,
      form: form == .constant && !isConstantType ? .values : form)
  }

  private mutating func punchHoles(in values: inout [ParquetValue?]) {
    switch below(5) {
    case 0: break
    case 1: values = Array(repeating: nil, count: values.count)
    case 2: for row in values.indices where below(2) == 0 { values[row] = nil }
    case 3: for row in values.indices where below(50) == 0 { values[row] = nil }
    default:
      var row = 0
      while row < values.count {
        let end = min(values.count, row + below(200))
        if below(2) == 0 { for gap in row..<end { values[gap] = nil } }
        row = max(end, row + 1)
      }
    }
  }

  private mutating func values(_ type: ParquetType, _ rowCount: Int) -> [ParquetValue?] {
    let shape = below(6)
    return (0..<rowCount).map { value(type, shape: shape, row: $0) }
  }

  /// Shapes: a few values, ascending, noise, extremes, runs, few at first and then all different.
  private mutating func value(_ type: ParquetType, shape: Int, row: Int) -> ParquetValue {
    let noise = Int64(bitPattern: random.next())
    let number: Int64 =
      switch shape {
      case 0: Int64(below(7))
      case 1: Int64(row) * 1000 + Int64(below(50))
      case 2: noise
      case 3: pick([.min, .max, 0, -1, 1, noise])
      case 4: Int64(row / 40)
      default: row < 300 ? Int64(below(3)) : noise
      }
    switch type {
    case .boolean: return .boolean(number & 1 == 1)
    case .int32: return .integer(Int64(Int32(truncatingIfNeeded: number)))
    case .int64: return .integer(number)
    // Python's dates end with the year 9999; times stay within them too.
    case .date: return .integer(number % 2_000_000 < -700_000 ? 0 : number % 2_000_000)
    case .timestampMicros: return .integer(number % 200_000_000_000_000_000 / 4)
    case .float:
      return .float(shape == 3 ? pick([.nan, -0.0, 0, .infinity, 1.5]) : Float(number) / 8)
    case .double:
      return .double(shape == 3 ? pick([.nan, -0.0, 0, -.infinity, 1.5]) : Double(number) / 8)
    case .string: return .bytes(text(number, shape))
    case .binary: return .bytes(shape == 3 ? [0xFF, 0, UInt8(below(256))] : text(number, shape))
    }
  }

  private mutating func text(_ number: Int64, _ shape: Int) -> [UInt8] {
    if shape == 3 {
      let long = String(repeating: "\u{1F6F0}wort", count: below(60))
      return Array(pick(["", "a", "ä€", long]).utf8)
    }
    return Array("device-\(number)".utf8)
  }
}
