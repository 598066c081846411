/// A value of a column, as statistics carry it.
package enum ParquetValue: Sendable, Equatable {
  case boolean(Bool)
  /// `.int32`, `.int64`, `.date` (days), `.timestampMicros` (microseconds).
  case integer(Int64)
  case float(Float)
  case double(Double)
  /// `.string` (UTF-8) and `.binary`.
  case bytes([UInt8])
}

/// Smallest and largest value of a column, as far as they are of use to a reader that skips data.
enum ColumnBounds: Equatable {
  /// There is no value.
  case empty
  case known(min: ParquetValue, max: ParquetValue)
  /// NaN or an infinity is among the values, or a string that nothing of a footer's length is
  /// above (64 bytes that cannot be raised: it may have a megabyte).
  ///
  /// The specification would have the bounds of the other values beside a NaN count, but DuckDB,
  /// Polars, DataFusion and Spark order NaN above every number and do not look at the count:
  /// `x > 100` loses rows to a maximum that leaves NaN out (DuckDB 1.5.5 does, measured). An
  /// infinity is a bound that JSON, and so Delta's statistics, cannot carry.
  case unknowable

  /// The bounds of two sets of values together.
  func merged(with other: ColumnBounds) -> ColumnBounds {
    switch (self, other) {
    case (.unknowable, _), (_, .unknowable): .unknowable
    case (.empty, let bounds), (let bounds, .empty): bounds
    case (.known(let min1, let max1), .known(let min2, let max2)):
      .known(
        min: min2.precedes(min1) ? min2 : min1,
        max: max1.precedes(max2) ? max2 : max1)
    }
  }
}

extension ParquetValue {
  /// Ascending in the order of the column's type (TYPE_ORDER in parquet.thrift); both values are
  /// of the same column.
  func precedes(_ other: ParquetValue) -> Bool {
    switch (self, other) {
    case (.boolean(let left), .boolean(let right)): !left && right
    case (.integer(let left), .integer(let right)): left < right
    case (.float(let left), .float(let right)): left < right
    case (.double(let left), .double(let right)): left < right
    case (.bytes(let left), .bytes(let right)): left.lexicographicallyPrecedes(right)
    default: preconditionFailure("bounds of one column are of one type")
    }
  }
}

/// What is known of a chunk, or of a whole column once merged.
struct ColumnStatistics {
  var bounds: ColumnBounds = .empty
  var absentCount = 0
  /// For floats and doubles; nil where a file of others does not say.
  var nanCount: Int? = 0
  /// Whether each bound is a value of the column; long strings are cut (`BoundTruncation`).
  var isMinExact = true
  var isMaxExact = true

  mutating func merge(_ other: ColumnStatistics) {
    let merged = bounds.merged(with: other.bounds)
    // Each bound brings its own exactness along.
    if case .known(let min, let max) = merged {
      isMinExact = has(min: min) && isMinExact || other.has(min: min) && other.isMinExact
      isMaxExact = has(max: max) && isMaxExact || other.has(max: max) && other.isMaxExact
    }
    bounds = merged
    absentCount += other.absentCount
    nanCount = if let nanCount, let more = other.nanCount { nanCount + more } else { nil }
  }
}

extension ColumnStatistics {
  fileprivate func has(min: ParquetValue) -> Bool {
    if case .known(min, _) = bounds { return true }
    return false
  }

  fileprivate func has(max: ParquetValue) -> Bool {
    if case .known(_, max) = bounds { return true }
    return false
  }
}

// MARK: - Hot loops

extension ColumnStatistics {
  init<Value: FixedWidthInteger & SignedInteger & BitwiseCopyable>(integers values: Span<Value>) {
    guard values.count > 0 else { return }
    var smallest = values[0]
    var largest = values[0]
    for index in values.indices {
      smallest = min(smallest, values[index])
      largest = max(largest, values[index])
    }
    bounds = .known(min: .integer(Int64(smallest)), max: .integer(Int64(largest)))
  }

  init(booleans values: Span<Bool>) {
    guard values.count > 0 else { return }
    var all = true
    var some = false
    for index in values.indices {
      all = all && values[index]
      some = some || values[index]
    }
    bounds = .known(min: .boolean(all), max: .boolean(some))
  }

  /// Four chains side by side, or the latency of one comparison after the other would set the
  /// pace. A comparison with NaN is false, so it leaves no trace here but in its count.
  init<Value: BinaryFloatingPoint & BitwiseCopyable>(
    floatingPoint values: Span<Value>, wrap: (Value) -> ParquetValue
  ) {
    var smallest = [4 of Value](repeating: .infinity)
    var largest = [4 of Value](repeating: -.infinity)
    var nanCounts = [4 of Int](repeating: 0)
    let wholeCount = values.count & ~3
    for start in stride(from: 0, to: wholeCount, by: 4) {
      for lane in 0..<4 {
        let value = values[start &+ lane]
        smallest[lane] = value < smallest[lane] ? value : smallest[lane]
        largest[lane] = value > largest[lane] ? value : largest[lane]
        nanCounts[lane] &+= value != value ? 1 : 0
      }
    }
    for index in wholeCount..<values.count {
      let value = values[index]
      smallest[0] = value < smallest[0] ? value : smallest[0]
      largest[0] = value > largest[0] ? value : largest[0]
      nanCounts[0] &+= value != value ? 1 : 0
    }
    for lane in 1..<4 {
      smallest[0] = min(smallest[0], smallest[lane])
      largest[0] = max(largest[0], largest[lane])
      nanCounts[0] += nanCounts[lane]
    }
    nanCount = nanCounts[0]
    if values.count == 0 {
      bounds = .empty
    } else if nanCounts[0] > 0 || smallest[0].isInfinite || largest[0].isInfinite {
      bounds = .unknowable
    } else {
      bounds = .known(min: wrap(smallest[0]), max: wrap(largest[0]))
    }
  }
}
