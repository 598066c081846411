import Base
import Pipeline
import TableReading

/// The windows around the first open anomalies, for the page: read from the table every few seconds
/// while somebody looks, within a bounded time, and kept until the next look.
struct Plots: Sendable {
  /// Anomalies that get a plot.
  static let countMax = 10
  private static let readMillis = 300
  private static let answerMillis = 2_000
  private static let ageNanosMax: Int64 = 5_000_000_000

  private let windows: WindowHistory?
  private var isReading = false
  private var readAtNanos: Int64?
  /// By the anomaly's id.
  private(set) var points: [String: [PlotPoint]] = [:]

  /// - Parameter windows: nil where there is no table to ask.
  init(_ windows: WindowHistory?) { self.windows = windows }

  /// Whether it is time to read them, and nobody does.
  mutating func beginReading(nowNanos: Int64) -> Bool {
    if windows == nil || isReading { return false }
    if let readAtNanos, nowNanos - readAtNanos < Self.ageNanosMax { return false }
    isReading = true
    readAtNanos = nowNanos
    return true
  }

  mutating func finishReading(_ points: [String: [PlotPoint]]) {
    isReading = false
    self.points = points
  }

  /// Reads what can be read in a third of a second; the next look goes on.
  func read(_ open: [PipelineStatus.OpenAnomaly]) async -> [String: [PlotPoint]] {
    guard let windows else { return [:] }
    let shown = open.filter { $0.question != nil }.prefix(Self.countMax)
    let answers = await windows.answers(
      to: shown.compactMap(\.question), withinMillis: Self.readMillis)
    return Dictionary(
      zip(shown.map(\.id), answers.map { $0.points.map(PlotPoint.init) }),
      uniquingKeysWith: { first, _ in first })
  }

  /// The windows around one anomaly; nil where there is no table, or no metric.
  func answer(to anomaly: PipelineStatus.OpenAnomaly) async -> WindowHistory.Answer? {
    guard let windows, let question = anomaly.question else { return nil }
    return await windows.answers(to: [question], withinMillis: Self.answerMillis).first
  }
}

extension PipelineStatus.OpenAnomaly {
  /// What to ask the windows; nil where it is about no metric of one device.
  fileprivate var question: WindowHistory.Question? {
    guard let metric, !device.isEmpty else { return nil }
    return WindowHistory.Question(
      source: source, device: device, metric: metric, atMicros: openedAtMicros)
  }
}

extension PlotPoint {
  /// In the middle of the window.
  fileprivate init(_ point: WindowHistory.Point) {
    self.init(
      at: point.startMicros / 2 + point.endMicros / 2, point.mean, low: point.min, high: point.max)
  }
}

extension TableSize {
  /// As far as it is known.
  init(_ table: PipelineStatus.Table) {
    self.init(
      name: table.name, version: table.version, fileCount: table.fileCount.map(Int64.init),
      byteCount: table.byteCount, rowCount: table.rowCount, trouble: table.trouble)
  }
}
