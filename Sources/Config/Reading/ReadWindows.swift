internal import Base

enum WindowKey: String, ConfigKey { case name, size, slide, aggregates, sources, metrics }

extension Configuration.Window {
  init(_ section: Section<WindowKey>) {
    name = section.required(.name, placeholder: "", .name(.label))
    sizeMicros = section.required(
      .size, placeholder: 0, .duration(in: Allowed.windowSize).wholeMillis)
    slideMicros = section.value(
      .slide, default: sizeMicros, .duration(in: Allowed.windowSlide).wholeMillis)
    let chosen = section.list(.aggregates, of: Format<Configuration.Aggregate>.word)
    aggregates = Configuration.Aggregate.allCases.filter { chosen?.contains($0) ?? true }
    sources = section.list(.sources, of: .glob) ?? [.all]
    metrics = section.list(.metrics, of: .glob) ?? [.all]
    checkSlices(section)
  }

  private func checkSlices(_ section: Section<WindowKey>) {
    // A faulty size or slide has been reported; there is nothing to compare.
    guard sizeMicros > 0, slideMicros > 0, section.has(.slide) else { return }
    let size = DurationText.text(micros: sizeMicros)
    let slide = DurationText.text(micros: slideMicros)
    guard slideMicros <= sizeMicros else {
      section.report(
        .slide, "the slide, \(slide), is longer than the size, \(size): readings in between would"
          + " enter no window", suggestion: "did you mean `slide: \(size)`?")
      return
    }
    guard sizeMicros % slideMicros == 0 else {
      let nearest = (sizeMicros / slideMicros + 1) * slideMicros
      section.report(
        .slide, "the size, \(size), is not a whole multiple of the slide, \(slide)",
        suggestion: "did you mean `size: \(DurationText.text(micros: nearest))`?")
      return
    }
    let sliceCount = sizeMicros / slideMicros
    if sliceCount > Allowed.slicesPerWindowMax {
      let factor = (sliceCount + Allowed.slicesPerWindowMax - 1) / Allowed.slicesPerWindowMax
      section.report(
        .slide, "a window of \(size) in steps of \(slide) has \(sliceCount) slices; at most"
          + " \(Allowed.slicesPerWindowMax) are accepted",
        suggestion: "a slide of at least \(DurationText.text(micros: factor * slideMicros)) fits")
    }
  }
}

extension Format where Value == Int64 {
  fileprivate var wholeMillis: Format<Int64> {
    then { (micros) throws(ValueFault) in
      guard micros % Allowed.windowGrain == 0 else {
        throw ValueFault("is finer than a millisecond; windows are made of whole milliseconds")
      }
      return micros
    }
  }
}
