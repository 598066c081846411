import Base
import Telemetry

/// The detectors of one source, made ready: which metrics each watches, and the numbers that the
/// hot loops compare with.
struct DetectorSet: Sendable {
  private(set) var schema: ReadingSchema
  let definitions: [DetectorDefinition]
  /// By definition; nil for other kinds of rules.
  let limits: [LimitsPlan?]
  let judges: [JudgePlan?]
  /// Definitions that are about silence, in their order.
  let silences: [Int]
  /// A wide source has one shape. A narrow source has one for each set of definitions that some
  /// metric is watched by, made as metrics are learned.
  private(set) var shapes: [SeriesShape] = []
  /// Narrow: the definitions of each shape.
  private(set) var shapeDefinitions: [[Int]] = []

  /// Other attributes from here on; what a metric is watched by knows nothing of them.
  mutating func take(attributes: [String]) { schema = schema.with(attributes: attributes) }

  init(schema: ReadingSchema, definitions: [DetectorDefinition]) {
    precondition(
      Set(definitions.map(\.name)).count == definitions.count, "detectors have different names")
    precondition(
      definitions.allSatisfy(\.isSound), "spans and counts of a detector are within their bounds")
    self.schema = schema
    self.definitions = definitions
    limits = definitions.map {
      guard case .limits(let rule) = $0.rule else { return nil }
      return LimitsPlan(rule)
    }
    judges = definitions.map {
      guard case .statistical(let rule) = $0.rule else { return nil }
      return JudgePlan(rule)
    }
    silences = definitions.indices.filter {
      if case .silence = definitions[$0].rule { return true }
      return false
    }
    if !schema.isNarrow {
      let columns = schema.metrics.map { metric in
        metric.type.isNumeric ? watchers(ofMetric: metric.name) : []
      }
      let watched = columns.indices.filter { !columns[$0].isEmpty }
      shapes = [
        SeriesShape(columns: watched, watchers: watched.map { columns[$0] }, of: self)
      ]
    }
  }

  /// The definitions that watch a metric.
  func watchers(ofMetric name: String) -> [Int] {
    definitions.indices.filter { definitions[$0].metric?.matches(name) ?? false }
  }

  /// The shape of a narrow series that these definitions watch, made if it is new; -1 for none.
  mutating func shape(watchers: [Int]) -> Int {
    if watchers.isEmpty { return -1 }
    if let known = shapeDefinitions.firstIndex(of: watchers) { return known }
    shapeDefinitions.append(watchers)
    shapes.append(SeriesShape(columns: [0], watchers: [watchers], of: self))
    return shapes.count - 1
  }

  /// The most values of a row that are looked at.
  var valueCountMax: Int { schema.isNarrow ? 1 : shapes[0].columns.count }
}

extension DetectorDefinition {
  /// Whether every number is one that the arithmetic below is made for: a configuration that was
  /// checked is, damaged bytes need not be.
  var isSound: Bool {
    switch rule {
    case .limits: metric != nil
    case .silence(let rule):
      metric == nil && rule.afterMicros > 0 && rule.afterMicros <= EventTime.spanMicrosMax
    case .statistical(let rule):
      metric != nil && rule.everyMicros > 0 && rule.everyMicros <= EventTime.spanMicrosMax
        && rule.halfLifeMicros > 0
    }
  }

  /// Whether state kept under `other` goes on under this definition: numbers may differ, what they
  /// are about may not.
  func goesOn(from other: DetectorDefinition) -> Bool {
    guard name == other.name, metric == other.metric else { return false }
    switch (rule, other.rule) {
    case (.limits, .limits), (.silence, .silence): return true
    case (.statistical(let own), .statistical(let others)):
      return own.kind == others.kind && own.everyMicros == others.everyMicros
    default: return false
    }
  }
}

/// What is watched in a row: all metrics of a wide source that any definition watches, or the one
/// value of a narrow row. `place` is an index into `columns` here.
final class SeriesShape: Sendable {
  /// A limit and the places it applies to.
  struct Limits: Sendable {
    let definition: Int
    let places: [Int]
  }

  /// Buckets of one length. Definitions with the same `every` share them.
  struct Grid: Sendable {
    let everyMicros: Int64
    /// Which places it sums up.
    let places: [Int]
    /// Whether these are all places: then a row is added as it is.
    let isWhole: Bool
    let judgeCount: Int
  }

  /// A statistical definition: which columns of which grid it judges, and with which judges.
  struct Judging: Sendable {
    let definition: Int
    let grid: Int
    /// Indexes into the grid's `places`.
    let columns: [Int]
    let firstJudge: Int
  }

  /// Indexes into `schema.metrics`, ascending.
  let columns: [Int]
  private let isInteger: [Bool]
  /// The presence bits of a row that has all columns.
  private let presence: [UInt64]
  /// Whether the columns are neighbours and all floating point: then a row is copied.
  private let isPlain: Bool
  private let rowWordCount: Int
  /// Values within are no violation of any limit; infinite where none applies.
  let lows: [Double]
  let highs: [Double]
  /// In the order of the definitions, as `judgings`.
  let limits: [Limits]
  let grids: [Grid]
  let judgings: [Judging]

  init(columns: [Int], watchers: [[Int]], of set: DetectorSet) {
    self.columns = columns
    let metrics = set.schema.metrics
    isInteger = columns.map { !metrics[$0].type.isFloatingPoint }
    isPlain = !isInteger.contains(true)
      && (columns.isEmpty || columns.last! - columns[0] + 1 == columns.count)
    rowWordCount = metrics.count
    var bits = [UInt64](repeating: 0, count: set.schema.presenceWordsPerRow)
    for column in columns { bits[column / 64] |= 1 << UInt64(column % 64) }
    presence = bits

    let plans = watchers.map { watching in watching.compactMap { set.limits[$0] } }
    lows = plans.map { $0.map(\.anyLow).max() ?? -.infinity }
    highs = plans.map { $0.map(\.anyHigh).min() ?? .infinity }
    func places(ofDefinition definition: Int) -> [Int] {
      columns.indices.filter { watchers[$0].contains(definition) }
    }
    limits = set.definitions.indices.compactMap { definition in
      let places = places(ofDefinition: definition)
      guard set.limits[definition] != nil, !places.isEmpty else { return nil }
      return Limits(definition: definition, places: places)
    }
    let statistical = set.definitions.indices.compactMap { definition in
      let places = places(ofDefinition: definition)
      return places.isEmpty ? nil
        : set.judges[definition].map { (definition, every: $0.everyMicros, places) }
    }
    var grids: [Grid] = []
    var judgings: [Judging] = []
    for every in Set(statistical.map(\.every)).sorted() {
      let sharing = statistical.filter { $0.every == every }
      let summed = columns.indices.filter { place in sharing.contains { $0.2.contains(place) } }
      var judgeCount = 0
      for (definition, _, places) in sharing {
        let judged = places.compactMap { summed.firstIndex(of: $0) }
        judgings.append(
          Judging(
            definition: definition, grid: grids.count, columns: judged, firstJudge: judgeCount))
        judgeCount += judged.count
      }
      grids.append(
        Grid(
          everyMicros: every, places: summed, isWhole: summed.count == columns.count,
          judgeCount: judgeCount))
    }
    self.grids = grids
    self.judgings = judgings.sorted { $0.definition < $1.definition }
  }

  /// Reads the watched values of a row of a wide batch; NaN stands for what is absent or not
  /// finite. Returns whether every value is there.
  @inline(__always)
  func gather(
    row: Int, of batch: borrowing ReadingBatch, into values: borrowing RowValues
  ) -> Bool {
    let presenceWords = batch.presenceWords.span
    let words = batch.metricWords.span
    let firstPresence = row &* presence.count
    if isPlain, let first = columns.first {
      var isPresent = true
      for word in presence.indices
      where presenceWords[firstPresence &+ word] & presence[word] != presence[word] {
        isPresent = false
      }
      let start = row &* rowWordCount &+ first
      let row = words.extracting(start..<start &+ columns.count)
      if isPresent, unsafe copyIfFinite(row, to: values.memory) { return true }
    }
    var isWhole = true
    for place in columns.indices {
      let column = columns[place]
      let word = words[row &* rowWordCount &+ column]
      let value = isInteger[place] ? Double(Int64(bitPattern: word)) : Double(bitPattern: word)
      let bits = presenceWords[firstPresence &+ column / 64]
      let isValid = bits & (1 << UInt64(column % 64)) != 0 && value.isFinite
      unsafe values.memory[place] = isValid ? value : .nan
      if !isValid { isWhole = false }
    }
    return isWhole
  }

  /// The value of a row of a narrow batch, or NaN.
  @inline(__always)
  func value(row: Int, of batch: borrowing ReadingBatch) -> Double {
    let word = batch.metricWords[row]
    let value = isInteger[0] ? Double(Int64(bitPattern: word)) : Double(bitPattern: word)
    return batch.presenceWords[row] & 1 != 0 && value.isFinite ? value : .nan
  }

  /// Whether no value violates any limit. NaN violates none.
  @inline(__always)
  func isWithinLimits(_ values: borrowing RowValues) -> Bool {
    unsafe isWithin(values.memory, lows: lows, highs: highs)
  }
}

/// Room for the watched values of one row. Reused: no allocation a row.
@safe
struct RowValues: ~Copyable, @unchecked Sendable {  // because it alone owns its memory
  let memory: UnsafeMutablePointer<Double>
  private let count: Int

  init(count: Int) {
    self.count = count
    unsafe memory = .allocate(capacity: max(count, 1))
    unsafe memory.initialize(repeating: .nan, count: max(count, 1))
  }

  deinit { unsafe memory.deallocate() }

  subscript(place: Int) -> Double {
    get {
      precondition(UInt(bitPattern: place) < UInt(bitPattern: count), "no such value")
      return unsafe memory[place]
    }
    nonmutating set {
      precondition(UInt(bitPattern: place) < UInt(bitPattern: count), "no such value")
      unsafe memory[place] = newValue
    }
  }
}

// MARK: - Hot loops

/// Copies doubles, and returns whether all are finite: x − x is 0 for those and NaN for others.
private func copyIfFinite(_ words: Span<UInt64>, to values: UnsafeMutablePointer<Double>) -> Bool {
  var total = 0.0
  for index in 0..<words.count {
    let value = Double(bitPattern: unsafe words[unchecked: index])
    unsafe values[index] = value
    total += value - value
  }
  return total == 0
}

/// Whether no value lies outside its bounds: without branches, so that it takes several at once.
private func isWithin(
  _ values: UnsafeMutablePointer<Double>, lows: [Double], highs: [Double]
) -> Bool {
  let (lows, highs) = (lows.span, highs.span)
  var outside: UInt64 = 0
  for index in 0..<min(lows.count, highs.count) {
    let value = unsafe values[index]
    outside |= unsafe value < lows[unchecked: index] ? 1 : 0
    outside |= unsafe value > highs[unchecked: index] ? 1 : 0
  }
  return outside == 0
}
