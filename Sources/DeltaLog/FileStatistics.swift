package import Base

/// A bound of a column's values, as the statistics of a file say it.
package enum StatisticsValue: Equatable, Sendable {
  case boolean(Bool)
  /// For `long` and `integer`.
  case integer(Int64)
  /// For `double` and `float`; a float's value widened exactly.
  case double(Double)
  case string(String)
  /// Microseconds since the Unix epoch.
  case timestamp(Int64)
  /// Days since the Unix epoch.
  case date(Int32)
}

/// What is known of one column of one file.
package struct ColumnStatistics: Sendable {
  package let column: String
  package let nullCount: Int64
  /// The smallest and the largest value; nil where there is none (all null), where the type has no
  /// bounds in Delta (binary), or where one value is NaN: engines order NaN above all
  /// numbers, so that bounds of the rest would make them skip its row.
  package let bounds: (min: StatisticsValue, max: StatisticsValue)?

  package init(
    _ column: String, nullCount: Int64, bounds: (min: StatisticsValue, max: StatisticsValue)?
  ) {
    self.column = column
    self.nullCount = nullCount
    self.bounds = bounds
  }
}

/// The statistics of one file (PROTOCOL.md, "Per-file Statistics"), by which engines skip files.
///
/// **Invariant:** whatever is rounded is rounded outwards, so that no engine skips a row it wants:
/// - Timestamps have milliseconds, as Spark writes them. The specification truncates both bounds
///   and leaves it to readers to add a millisecond to the maximum; several readers did not
///   (delta-io/delta#2462, delta-io/delta-kernel-rs#1003, trinodb/trino#31231), so our maximum is
///   rounded up, which is right with and without the correction.
/// - Long strings are cut; a cut maximum gets a character that sorts above what was cut away.
/// - Values that JSON or some reader cannot take (infinities, years outside 1…9999) give no bounds.
/// - Booleans have bounds, which Spark neither writes nor reads: where they are missing, deltalake
///   1.6 (`to_pyarrow_dataset`) takes none of the file's values to match any filter.
package struct FileStatistics: Sendable {
  /// Characters (Unicode scalars) kept of a string bound; Spark's default.
  package static let stringScalarCountMax = 32

  package let recordCount: Int64
  /// In schema order, without partition columns.
  package let columns: [ColumnStatistics]

  package init(recordCount: Int64, columns: [ColumnStatistics]) {
    self.recordCount = recordCount
    self.columns = columns
  }

  package var json: JSONValue {
    var minimums: [JSONMember] = []
    var maximums: [JSONMember] = []
    for column in columns {
      guard let bounds = column.bounds, let minimum = Self.minimum(bounds.min),
        let maximum = Self.maximum(bounds.max)
      else { continue }
      minimums.append(JSONMember(column.column, minimum))
      maximums.append(JSONMember(column.column, maximum))
    }
    return [
      "numRecords": .int(recordCount),
      "minValues": .object(minimums),
      "maxValues": .object(maximums),
      "nullCount": .object(columns.map { JSONMember($0.column, .int($0.nullCount)) }),
    ]
  }

  // MARK: - Bounds

  private static func minimum(_ value: StatisticsValue) -> JSONValue? {
    switch value {
    case .boolean(let value): .bool(value)
    case .integer(let value): .int(value)
    // Zero has two signs that compare equal but sort apart: the bounds enclose both.
    case .double(let value): .double(value == 0 ? -0.0 : value)
    case .string(let text): .string(String(text.unicodeScalars.prefix(stringScalarCountMax)))
    case .timestamp(let micros):
      timestamp(millis: Timestamp.floorDivide(micros, by: 1000))
    case .date(let day): date(day)
    }
  }

  private static func maximum(_ value: StatisticsValue) -> JSONValue? {
    switch value {
    case .boolean(let value): .bool(value)
    case .integer(let value): .int(value)
    case .double(let value): .double(value == 0 ? 0.0 : value)
    case .string(let text): upperBound(text).map { .string($0) }
    case .timestamp(let micros):
      timestamp(millis: Timestamp.floorDivide(micros, by: 1000) + (micros % 1000 == 0 ? 0 : 1))
    case .date(let day): date(day)
    }
  }

  /// A short text that no text up to `text` sorts above, by UTF-8 bytes; nil if there is none.
  static func upperBound(_ text: String) -> String? {
    let scalars = Array(text.unicodeScalars.prefix(2 * stringScalarCountMax + 1))
    guard scalars.count > stringScalarCountMax else { return text }
    // What follows the cut must sort below the character put in its place, or the cut moves on.
    for count in stringScalarCountMax..<scalars.count {
      let first = scalars[count]
      if first == "\u{10FFFF}" { continue }
      var view = String.UnicodeScalarView(scalars[..<count])
      view.append(first < "\u{7F}" ? "\u{7F}" : "\u{10FFFF}")
      return String(view)
    }
    return scalars.count <= 2 * stringScalarCountMax ? text : nil
  }

  private static let dayMin = Timestamp.day(year: 1, month: 1, day: 1)
  private static let dayMax = Timestamp.day(year: 9999, month: 12, day: 31)

  private static func date(_ day: Int32) -> JSONValue? {
    (dayMin...dayMax).contains(day) ? .string(Timestamp.dateText(day: day)) : nil
  }

  /// `2026-11-21T07:32:00.001Z`.
  private static func timestamp(millis: Int64) -> JSONValue? {
    let millisPerDay = Timestamp.microsPerDay / 1000
    let range = Int64(dayMin) * millisPerDay..<(Int64(dayMax) + 1) * millisPerDay
    guard range.contains(millis) else { return nil }
    let text = Timestamp.text(micros: millis * 1000)
    return .string(String(text.dropLast(4)) + "Z")
  }
}
