/// Texts that somebody else wrote, fit for a sentence of ours.
package enum PlainText {
  /// Characters (Unicode scalars) that are shown of a text.
  package static let countMax = 120

  /// A text's beginning without anything that moves a cursor, turns a line round or begins a new
  /// one; `…` stands for the rest, and quotes for nothing at all.
  package static func shown(_ text: String, countMax: Int = countMax) -> String {
    if text.isEmpty { return "\"\"" }
    var shown = ""
    let scalars = text.unicodeScalars
    for scalar in scalars.prefix(countMax) {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: shown += "?"
      default: shown.unicodeScalars.append(scalar)
      }
    }
    return scalars.dropFirst(countMax).isEmpty ? shown : shown + "…"
  }
}
