/// A few lines at the end of a terminal's output that are written over and over, with other lines
/// scrolling away above them.
///
/// Gives the bytes to write; ANSI control sequences (ECMA-48: CUU, ED) that every terminal knows.
struct LiveBlock: Equatable, Sendable {
  private static let escape = "\u{1B}["
  private var lineCount = 0

  /// The text that writes lines above the block, for good. The block is gone until it is shown
  /// again.
  mutating func text(above lines: [String]) -> String {
    erased() + lines.map { $0 + "\n" }.joined()
  }

  /// The text that shows the block, each line cut to the terminal's width: one that wrapped would
  /// take two.
  mutating func text(showing lines: [String], columnCount: Int) -> String {
    let erased = erased()
    lineCount = lines.count
    let width = max(10, columnCount - 1)
    return erased + lines.map { $0.prefix(width) + "\n" }.joined()
  }

  /// The text that takes the block away.
  mutating func erased() -> String {
    guard lineCount > 0 else { return "" }
    defer { lineCount = 0 }
    return "\r\(Self.escape)\(lineCount)A\(Self.escape)J"
  }
}

/// Events a second over the last few seconds, from a running total that is looked at now and then.
struct RateMeter: Equatable, Sendable {
  private static let spanNanos: Int64 = 3_000_000_000
  private var samples: [(nanos: Int64, total: Int)] = []

  static func == (left: RateMeter, right: RateMeter) -> Bool {
    left.samples.elementsEqual(right.samples) { $0 == $1 }
  }

  mutating func note(_ total: Int, nowNanos: Int64) {
    // A total that goes back is another one: the pipeline was started again.
    if let last = samples.last, total < last.total { samples.removeAll() }
    samples.append((nowNanos, total))
    // One sample older than the span stays, to measure from.
    while samples.count > 2, samples[1].nanos <= nowNanos - Self.spanNanos {
      samples.removeFirst()
    }
  }

  /// 0 before the second sample.
  var perSecond: Double {
    guard let first = samples.first, let last = samples.last, last.nanos > first.nanos else {
      return 0
    }
    return Double(last.total - first.total) * 1e9 / Double(last.nanos - first.nanos)
  }
}
