import Base
import Glibc

/// One line on a terminal's standard error that is written over and over; nothing elsewhere.
struct ProgressLine {
  private static let intervalNanos: Int64 = 200_000_000

  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let startNanos: Int64
  private var nextNanos: Int64
  private var width = 0

  init(startNanos: Int64) {
    self.startNanos = startNanos
    nextNanos = startNanos + Self.intervalNanos
  }

  /// Whether it is worth asking for the figures at all.
  var isShown: Bool { isTerminal }

  mutating func update(
    nowNanos: Int64, madeCount: Int, acknowledgedCount: @autoclosure () -> Int, share: Double?
  ) {
    guard isTerminal, nowNanos >= nextNanos else { return }
    nextNanos = nowNanos + Self.intervalNanos
    let seconds = Double(nowNanos - startNanos) / 1e9
    var text = "produce: "
    if let share { text += "\(Figure.decimal(min(1, share) * 100)) %, " }
    text += "\(Figure.count(madeCount)) records, "
    text += "\(Figure.count(acknowledgedCount())) acknowledged, "
    text += "\(Figure.decimal(Double(madeCount) / seconds)) records/s"
    show(text)
  }

  /// Clears the line for the summary.
  mutating func end() {
    if isTerminal, width > 0 { show("") }
  }

  private mutating func show(_ text: String) {
    let padding = String(repeating: " ", count: max(0, width - text.utf8.count))
    let bytes = Array(("\r" + text + padding + (text.isEmpty ? "\r" : "")).utf8)
    width = text.utf8.count
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
  }
}
