import Base
import Glibc

/// A point of a plot: a value at a time, or a stretch of them.
struct PlotPoint: Sendable, Equatable {
  var atMicros: Int64
  /// nil where it is not known: the line has a gap there.
  var value: Double?
  /// The least and the most around `value`, where there is more than one value to it.
  var low: Double?
  var high: Double?

  init(at micros: Int64, _ value: Double?, low: Double? = nil, high: Double? = nil) {
    atMicros = micros
    self.value = value
    self.low = low
    self.high = high
  }
}

/// A small line over time, as SVG without a script: a line, a band around it where points have one,
/// a level to hold it against and a moment to look at.
///
/// Coordinates are whole numbers of a wide grid that is stretched to the place there is, so that a
/// point costs about eight bytes. Colours are the style sheet's; who cannot see it reads `label`.
struct Plot {
  static let width = 720.0
  static let height = 120.0

  let points: [PlotPoint]
  let fromMicros: Int64
  let toMicros: Int64
  /// What a screen reader says.
  var label: String
  /// Whether the axis begins at 0: amounts do, measurements do not.
  var isAmount = true
  /// A level: what was expected.
  var level: Double?
  /// The moment it is about, and the value then.
  var mark: PlotPoint?
  /// A longer stretch without a point is a gap.
  var gapMicros: Int64 = .max

  /// The least and the most of what is drawn; nil without anything.
  var range: ClosedRange<Double>? {
    var values = points.flatMap { [$0.value, $0.low, $0.high].compactMap(\.self) }
    values += [level, mark?.value].compactMap(\.self)
    values.removeAll { !$0.isFinite }
    guard let least = values.min(), let most = values.max() else { return nil }
    return (isAmount ? min(0, least) : least)...most
  }

  var markup: Markup {
    guard let range, toMicros > fromMicros else { return .none }
    let size = "0 0 \(Int(Self.width)) \(Int(Self.height))"
    return """
      <svg class="plot" viewBox="\(size)" preserveAspectRatio="none" role="img" \
      aria-label="\(label)">\(drawing(range))</svg>
      """
  }

  // MARK: - Parts

  private func drawing(_ range: ClosedRange<Double>) -> Markup {
    var parts: [Markup] = []
    let runs = runs()
    let hasBand = points.contains { $0.low != nil && $0.high != nil }
    if hasBand {
      parts += runs.map { "<path class=\"band\" d=\"\(band($0, range))\"/>" }
    } else if isAmount {
      parts += runs.map { "<path class=\"band\" d=\"\(area($0, range))\"/>" }
    }
    if let level, level.isFinite {
      let y = y(level, range)
      parts.append("<path class=\"level\" d=\"M0 \(y)H\(Int(Self.width))\"/>")
    }
    parts += runs.map { "<path class=\"line\" d=\"\(line($0, range))\"/>" }
    if let mark, (fromMicros...toMicros).contains(mark.atMicros) {
      parts.append("<path class=\"mark\" d=\"M\(x(mark.atMicros)) 0V\(Int(Self.height))\"/>")
      if let value = mark.value, value.isFinite {
        // A line without a length and with round ends is a dot that stretching leaves round.
        let (x, y) = (x(mark.atMicros), y(value, range))
        parts.append("<path class=\"dot\" d=\"M\(x) \(y)h0\"/>")
      }
    }
    return .joined(parts)
  }

  /// Stretches of points with values, none further from the next than a gap.
  private func runs() -> [[PlotPoint]] {
    var runs: [[PlotPoint]] = []
    var last: Int64?
    for point in points {
      guard let value = point.value, value.isFinite,
        (fromMicros...toMicros).contains(point.atMicros)
      else {
        last = nil
        continue
      }
      if let last, point.atMicros - last <= gapMicros {
        runs[runs.count - 1].append(point)
      } else {
        runs.append([point])
      }
      last = point.atMicros
    }
    return runs
  }

  private func line(_ run: [PlotPoint], _ range: ClosedRange<Double>) -> String {
    let text = path(run, range) { $0.value ?? 0 }
    // A single point would be invisible.
    return run.count == 1 ? text + "h0" : text
  }

  private func area(_ run: [PlotPoint], _ range: ClosedRange<Double>) -> String {
    guard let first = run.first, let last = run.last else { return "" }
    let floor = y(max(0, range.lowerBound), range)
    return path(run, range) { $0.value ?? 0 }
      + "L\(x(last.atMicros)) \(floor)L\(x(first.atMicros)) \(floor)z"
  }

  private func band(_ run: [PlotPoint], _ range: ClosedRange<Double>) -> String {
    let back = path(run.reversed(), range) { $0.low ?? $0.value ?? 0 }
    return path(run, range) { $0.high ?? $0.value ?? 0 } + "L\(back.dropFirst())z"
  }

  private func path(
    _ run: [PlotPoint], _ range: ClosedRange<Double>, _ value: (PlotPoint) -> Double
  ) -> String {
    run.enumerated().map { index, point in
      "\(index == 0 ? "M" : "L")\(x(point.atMicros)) \(y(value(point), range))"
    }.joined()
  }

  // MARK: - Places

  private func x(_ micros: Int64) -> Int {
    let share = Double(micros - fromMicros) / Double(toMicros - fromMicros)
    return Int((min(max(share, 0), 1) * Self.width).rounded())
  }

  /// Four units of room above and below, so that a line at the edge has its whole width.
  private func y(_ value: Double, _ range: ClosedRange<Double>) -> Int {
    let span = range.upperBound - range.lowerBound
    let share = span > 0 ? (value - range.lowerBound) / span : isAmount ? 0 : 0.5
    guard share.isFinite else { return Int(Self.height / 2) }
    return Int((Self.height - 4 - min(max(share, 0), 1) * (Self.height - 8)).rounded())
  }
}

/// Bars side by side, oldest or smallest first.
struct Bars {
  let values: [Double]
  /// What a screen reader says.
  let label: String

  var markup: Markup {
    guard let most = values.max(), most > 0 else { return .none }
    let step = Plot.width / Double(max(values.count, 12))
    var text = ""
    for (index, value) in values.enumerated() where value > 0 {
      // What is there is seen, however little it is.
      let height = max(3, (value / most * Plot.height).rounded())
      let left = (Double(index) * step).rounded()
      let width = max(1, (step * 0.8).rounded(.down))
      text += "M\(Int(left)) \(Int(Plot.height))v-\(Int(height))h\(Int(width))v\(Int(height))z"
    }
    let size = "0 0 \(Int(Plot.width)) \(Int(Plot.height))"
    return """
      <svg class="plot" viewBox="\(size)" preserveAspectRatio="none" role="img" \
      aria-label="\(label)"><path class="bars" d="\(text)"/></svg>
      """
  }
}
