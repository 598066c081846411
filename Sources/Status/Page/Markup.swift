import Base
import Glibc

/// A piece of HTML in which everything from outside is text.
///
/// Literals are markup; what is interpolated is escaped, unless it is markup itself:
///
///     let cell: Markup = "<td>\(device)</td>"     // a device may be called whatever it likes
///
/// So a name can only become markup by `init(stringLiteral:)` being called by hand.
struct Markup: Sendable, Equatable, ExpressibleByStringInterpolation {
  private(set) var text: String

  init(stringLiteral value: String) { text = value }

  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  /// Puts a text together: escapes what is not markup.
  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    mutating func appendLiteral(_ literal: String) { text += literal }

    mutating func appendInterpolation(_ text: String) { self.text += PlainText.html(text) }

    mutating func appendInterpolation(_ markup: Markup) { text += markup.text }

    mutating func appendInterpolation(_ number: Int) { text += String(number) }

    /// One to a line, so that the page can be read as it is.
    mutating func appendInterpolation(_ lines: [Markup]) {
      for (index, line) in lines.enumerated() {
        if index > 0 { text += "\n" }
        text += line.text
      }
    }
  }

  static let none: Markup = ""

  var isEmpty: Bool { text.isEmpty }

  static func + (left: Markup, right: Markup) -> Markup { "\(left)\(right)" }
}

// MARK: - Parts that sections have in common

extension Markup {
  /// A section of the page: a landmark with a heading, which the keys J and K walk through, and
  /// which the script replaces when it differs.
  ///
  /// - Parameters:
  ///   - id: stays the same for good: links lead to it.
  ///   - style: classes of the style sheet.
  static func section(_ id: String, _ title: String, style: String = "", _ body: Markup) -> Markup {
    """
    <section id="\(id)" class="\(style)" tabindex="-1" aria-labelledby="h-\(id)">
    <h2 id="h-\(id)">\(title)</h2>
    \(body)
    </section>
    """
  }

  /// A table that scrolls by itself where the window is narrow. The first column heads its row.
  ///
  /// - Parameters:
  ///   - id: of the section it is in, or another that is unique.
  ///   - columns: headings; those of words begin with `.`, the others are of numbers.
  static func table(
    _ id: String, caption: String, _ columns: [String], _ rows: [[Markup]]
  ) -> Markup {
    let isWords = columns.map { $0.hasPrefix(".") }
    let heads: [Markup] = columns.map { column in
      let isOfWords = column.hasPrefix(".")
      let title = isOfWords ? String(column.dropFirst()) : column
      return isOfWords ? "<th scope=\"col\" class=\"t\">\(title)</th>"
        : "<th scope=\"col\">\(title)</th>"
    }
    let body: [Markup] = rows.map { row in
      let cells: [Markup] = row.enumerated().map { index, cell in
        if index == 0 { return "<th scope=\"row\" class=\"t\">\(cell)</th>" }
        return isWords[index] ? "<td class=\"t\">\(cell)</td>" : "<td>\(cell)</td>"
      }
      return "<tr>\(joined(cells))</tr>"
    }
    return """
      <div class="wide" tabindex="0" role="region" aria-label="\(caption)">
      <table><caption>\(caption)</caption>
      <thead><tr>\(joined(heads))</tr></thead>
      <tbody>
      \(body)
      </tbody></table></div>
      """
  }

  /// Without anything between them.
  static func joined(_ parts: [Markup]) -> Markup {
    parts.reduce(into: Markup.none) { $0.text += $1.text }
  }

  /// A sign from the page's own set. It says nothing to a screen reader: words stand beside it.
  static func sign(_ name: String) -> Markup {
    "<svg class=\"i\" aria-hidden=\"true\"><use href=\"#i-\(name)\"/></svg>"
  }
}

// MARK: - Figures

extension Markup {
  /// `07:32:00` of the same day, else with the date; UTC.
  static func time(_ micros: Int64?, now: Int64) -> Markup {
    guard let micros else { return "–" }
    return "<time datetime=\"\(Moment.full(micros))\">\(Moment.text(micros, now: now))</time>"
  }

  static func count(_ value: Int64?) -> Markup { value.map { "\(Quantity.count($0))" } ?? "–" }

  static func duration(_ seconds: Double?) -> Markup {
    seconds.map { "\(Quantity.duration($0))" } ?? "–"
  }

  static func age(_ seconds: Double?) -> Markup {
    seconds.map { "\(Quantity.age($0))" } ?? "–"
  }
}

/// Times as the page writes them: UTC, to the second.
enum Moment {
  /// `2026-11-21T07:32:00Z`.
  static func full(_ micros: Int64) -> String {
    String(Timestamp.text(micros: micros).prefix(19)) + "Z"
  }

  /// `07:32:00`, or `2026-11-20 07:32:00` where it is of another day than now.
  static func text(_ micros: Int64, now: Int64) -> String {
    let text = full(micros).dropLast()
    guard let place = text.firstIndex(of: "T") else { return String(text) }
    let clock = String(text[text.index(after: place)...])
    let isToday = Timestamp.day(ofMicros: micros) == Timestamp.day(ofMicros: now)
    return isToday ? clock : "\(text[..<place]) \(clock)"
  }

  /// Reads what `Timestamp.text` has written, to the second; nil for anything else.
  static func micros(_ text: String) -> Int64? {
    let parts = text.prefix(19).split { "-T:".contains($0) }.map { Int($0) }
    let numbers = parts.compactMap(\.self)
    guard numbers.count == 6, parts.count == 6, text.hasSuffix("Z"),
      (1...12).contains(numbers[1]), (1...31).contains(numbers[2])
    else { return nil }
    let day = Timestamp.day(year: numbers[0], month: numbers[1], day: numbers[2])
    let seconds = Int64(numbers[3] * 3600 + numbers[4] * 60 + numbers[5])
    return Int64(day) * Timestamp.microsPerDay + seconds * Timestamp.microsPerSecond
  }
}

extension Quantity {
  /// `1 234`, `91.5`, `0.0123`: about four digits that mean something.
  static func figure(_ value: Double) -> String {
    guard value.isFinite, value.magnitude < 1e12 else { return "\(value)" }
    if value != 0, value.magnitude < 1e-4 { return "\(value)" }
    let decimals =
      switch value.magnitude {
      case ..<0.1: 6
      case ..<10: 3
      case ..<100: 2
      case ..<1000: 1
      default: 0
      }
    guard decimals > 0 else { return count(Int64(value.rounded())) }
    var text = Substring(fixed(value, decimals: decimals))
    while text.hasSuffix("0") { text = text.dropLast() }
    return String(text.hasSuffix(".") ? text.dropLast() : text)
  }

  /// How long ago, or how far behind: whole seconds, since a fraction is gone before it is read.
  /// `0 s`, `under 1 s`, `23 s`, `7 min 3 s`.
  static func age(_ seconds: Double) -> String {
    if seconds <= 0 { return "0 s" }
    if seconds < 1 { return "under 1 s" }
    return seconds < 60 ? "\(Int(seconds)) s" : duration(seconds)
  }

  /// Of something that flows: `12 300`, `4.2`.
  static func rate(_ value: Double) -> String {
    value < 10 && value > 0 ? fixed(value, decimals: 1) : count(Int64(value.rounded()))
  }
}
