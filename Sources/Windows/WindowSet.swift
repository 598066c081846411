import Base
import Telemetry

/// The windows of one source, made ready: who shares which grid.
///
/// Metrics that are in exactly the same windows form a **group** and share a grid. A device of a
/// wide source has one block for each group, so one block where no window is narrowed by metric; a
/// device of a narrow source has one block for each metric it was heard with.
struct WindowSet: Sendable {
  static let windowCountMax = 64
  /// Slices a window may have: a day of seconds fits.
  private static let sliceCountMax: Int64 = 100_000

  private(set) var schema: ReadingSchema
  let definitions: [WindowDefinition]
  let options: EventTimeOptions
  private(set) var grids: [WindowGrid] = []
  /// The windows of each grid, as bits.
  private var masks: [UInt64] = []
  /// Groups of a wide source, by their first metric; none for a narrow one.
  private(set) var groups: [MetricGroup] = []
  /// The greatest common divisor of all window widths: no window of any grid has an edge between
  /// its multiples. A minute where there are no windows.
  let edgeMicros: Int64

  init(
    schema: ReadingSchema, definitions: [WindowDefinition], options: EventTimeOptions
  ) throws(WindowsError) {
    if definitions.count > Self.windowCountMax {
      throw .invalidConfiguration(
        name: schema.source, problem: "a source has at most \(Self.windowCountMax) windows")
    }
    for definition in definitions {
      if let problem = definition.problem {
        throw .invalidConfiguration(name: definition.name, problem: problem)
      }
    }
    if let problem = options.problem {
      throw .invalidConfiguration(name: "event_time", problem: problem)
    }
    self.schema = schema
    self.definitions = definitions
    self.options = options
    let edge = definitions.reduce(Int64(0)) {
      WindowGrid.gcd($0, WindowGrid.gcd($1.sizeMicros, $1.slideMicros))
    }
    edgeMicros = edge == 0 ? 60_000_000 : edge
    try Self.checkSliceCounts(definitions)
    if !schema.isNarrow { makeGroups() }
  }

  /// Other attributes from here on; grids and groups know nothing of them.
  mutating func take(attributes: [String]) { schema = schema.with(attributes: attributes) }

  /// Refuses windows of so many slices that a reading would be in as many windows, or nearly every
  /// reading have slices of its own.
  private static func checkSliceCounts(
    _ definitions: [WindowDefinition]
  ) throws(WindowsError) {
    if definitions.isEmpty { return }
    let all = UInt64.max >> UInt64(windowCountMax - definitions.count)
    let grid = WindowGrid(definitions: definitions, mask: all)
    for window in grid.windows where window.size / grid.widths[window.level] > sliceCountMax {
      let width = grid.widths[window.level]
      throw .invalidConfiguration(
        name: definitions[window.index].name,
        problem: """
          its size is \(window.size / width) slices of \(width) µs, what sizes and slides have in \
          common; at most \(sliceCountMax) are allowed: choose sizes and slides that are multiples
          """)
    }
  }

  private mutating func makeGroups() {
    var metricsByMask: [(mask: UInt64, metrics: [Int])] = []
    for (index, metric) in schema.metrics.enumerated() where metric.type.isNumeric {
      let mask = mask(metric: metric.name)
      if mask == 0 { continue }
      if let group = metricsByMask.firstIndex(where: { $0.mask == mask }) {
        metricsByMask[group].metrics.append(index)
      } else {
        metricsByMask.append((mask, [index]))
      }
    }
    for (mask, metrics) in metricsByMask {
      let grid = grid(mask: mask)
      groups.append(MetricGroup(grid: grid, width: grids[grid].widths[0], metrics, of: schema))
    }
  }

  /// The windows that take a metric, as bits of the configured order.
  func mask(metric name: String) -> UInt64 {
    var mask: UInt64 = 0
    for (index, definition) in definitions.enumerated() where definition.selects(metric: name) {
      mask |= 1 << UInt64(index)
    }
    return mask
  }

  func mask(ofGrid grid: Int) -> UInt64 { masks[grid] }

  /// The grid of those windows, made if it is new. `mask` is not 0.
  mutating func grid(mask: UInt64) -> Int {
    if let known = masks.firstIndex(of: mask) { return known }
    masks.append(mask)
    grids.append(WindowGrid(definitions: definitions, mask: mask))
    return grids.count - 1
  }

  /// The most metrics a block has.
  var metricCountMax: Int { schema.isNarrow ? 1 : groups.map(\.metrics.count).max() ?? 0 }
}

/// Metrics of a wide source that are in the same windows.
struct MetricGroup: Sendable {
  let grid: Int
  /// Width of the grid's finest slices.
  let width: Int64
  /// Indexes into `schema.metrics`, ascending.
  let metrics: [Int]
  /// The same as they stand in a `FiringBatch`.
  let outputMetrics: [UInt32]
  let isInteger: [Bool]
  /// Metrics of a row in the batch.
  private let rowWordCount: Int
  private let presenceWordCount: Int
  /// The presence bits of a row that has all of the group.
  private let presence: [UInt64]
  /// Whether the metrics are neighbours and all doubles: then a row is copied, not gathered.
  private let isPlain: Bool

  init(grid: Int, width: Int64, _ metrics: [Int], of schema: ReadingSchema) {
    self.grid = grid
    self.width = width
    self.metrics = metrics
    outputMetrics = metrics.map { UInt32($0) }
    isInteger = metrics.map { !schema.metrics[$0].type.isFloatingPoint }
    rowWordCount = schema.metrics.count
    presenceWordCount = schema.presenceWordsPerRow
    var bits = [UInt64](repeating: 0, count: schema.presenceWordsPerRow)
    for metric in metrics { bits[metric / 64] |= 1 << UInt64(metric % 64) }
    presence = bits
    isPlain = !isInteger.contains(true) && metrics.last! - metrics[0] + 1 == metrics.count
  }

  /// What a row of the batch brings to the group.
  enum Content { case nothing, cells, all }

  /// Reads the group's values of a row into `accumulator.values`, and which of them are there and
  /// finite into `accumulator.isValid` unless all are.
  func gather(
    row: Int, of batch: borrowing ReadingBatch, into accumulator: borrowing Accumulator
  ) -> Content {
    let present = isWhole(row: row, of: batch)
    if present, isPlain {
      let first = row &* rowWordCount &+ metrics[0]
      let words = batch.metricWords.span.extracting(first..<first &+ metrics.count)
      if unsafe copyIfFinite(words, to: accumulator.values) { return .all }
    }
    var validCount = 0
    for (place, metric) in metrics.enumerated() {
      let word = batch.metricWords[row &* rowWordCount &+ metric]
      let value = isInteger[place]
        ? Double(Int64(bitPattern: word)) : Double(bitPattern: word)
      let presenceWord = batch.presenceWords[row &* presenceWordCount &+ metric / 64]
      let isPresent = presenceWord & (1 << UInt64(metric % 64)) != 0
      let isValid = isPresent && value.isFinite
      unsafe accumulator.values[place] = value
      unsafe accumulator.isValid[place] = isValid
      if isValid { validCount &+= 1 }
    }
    return validCount == 0 ? .nothing : validCount == metrics.count ? .all : .cells
  }

  private func isWhole(row: Int, of batch: borrowing ReadingBatch) -> Bool {
    for word in 0..<presenceWordCount
    where batch.presenceWords[row &* presenceWordCount &+ word] & presence[word] != presence[word] {
      return false
    }
    return true
  }
}

// MARK: - Hot loops

/// Copies doubles, and returns whether all of them are finite: x − x is 0 for those and NaN for the
/// others, and one NaN makes the total one.
private func copyIfFinite(_ words: Span<UInt64>, to values: UnsafeMutablePointer<Double>) -> Bool {
  var total = 0.0
  for index in 0..<words.count {
    let value = Double(bitPattern: unsafe words[unchecked: index])
    unsafe values[index] = value
    total += value - value
  }
  return total == 0
}
