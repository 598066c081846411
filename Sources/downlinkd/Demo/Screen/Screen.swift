import Glibc

/// Standard output: a live block on a terminal, a line now and then anywhere else.
struct Screen {
  /// Between two lines of figures where nothing can be drawn over.
  private static let lineIntervalNanos: Int64 = 5_000_000_000
  /// Between two drawings of the block.
  private static let blockIntervalNanos: Int64 = 250_000_000
  private static let columnCountDefault = 80

  private let isTerminal = isatty(STDOUT_FILENO) == 1
  private var block = LiveBlock()
  private var nextNanos: Int64 = 0
  /// Whether nobody reads any more: the pipe was closed.
  private(set) var isBroken = false

  /// Lines that stay.
  mutating func say(_ lines: [String]) {
    guard !lines.isEmpty else { return }
    write(block.text(above: lines))
    // The block comes back with the next figures.
    if isTerminal { nextNanos = 0 }
  }

  mutating func say(_ line: String) { say([line]) }

  /// Shows the figures if it is time to.
  mutating func show(_ figures: @autoclosure () -> DemoFigures, nowNanos: Int64) {
    guard nowNanos >= nextNanos else { return }
    nextNanos = nowNanos + (isTerminal ? Self.blockIntervalNanos : Self.lineIntervalNanos)
    let figures = figures()
    if isTerminal {
      write(block.text(showing: figures.lines, columnCount: Self.columnCount))
    } else {
      write(figures.line + "\n")
    }
  }

  /// Takes the block away, for the report.
  mutating func clear() { write(block.erased()) }

  private static var columnCount: Int {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return columnCountDefault
    }
    return Int(size.ws_col)
  }

  private mutating func write(_ text: String) {
    let bytes = Array(text.utf8)
    var position = 0
    while position < bytes.count, !isBroken {
      let start = position
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(STDOUT_FILENO, buffer.baseAddress! + start, buffer.count - start)
      }
      if count >= 0 {
        position += count
      } else if errno != EINTR {
        isBroken = true
      }
    }
  }
}
