import Testing

@testable import Status

@Suite struct PlotTests {
  private func plot(
    _ values: [Double?], isAmount: Bool = true, gap: Int64 = .max
  ) -> Plot {
    let points = values.enumerated().map { PlotPoint(at: Int64($0.offset), $0.element) }
    return Plot(
      points: points, fromMicros: 0, toMicros: Int64(values.count - 1), label: "a <line>",
      isAmount: isAmount, gapMicros: gap)
  }

  @Test func `a line goes from corner to corner`() {
    let text = plot([0, 5, 10]).markup.text
    #expect(text.contains(#"<path class="line" d="M0 116L360 60L720 4"/>"#))
    #expect(text.contains(#"<path class="band" d="M0 116L360 60L720 4L720 116L0 116z"/>"#))
    #expect(text.contains(#"role="img" aria-label="a &lt;line&gt;""#))
  }

  @Test func `amounts begin at nothing, measurements where they are`() {
    #expect(plot([50, 100]).range == 0...100)
    #expect(plot([50, 100], isAmount: false).range == 50...100)
    #expect(plot([50, 100], isAmount: false).markup.text.contains("M0 116L720 4"))
  }

  @Test func `what is not known, or not a number, is a gap`() {
    let text = plot([1, nil, 1, .nan, 1, 1, .infinity]).markup.text
    #expect(text.components(of: #"class="line""#).count == 4)
    #expect(text.contains(#"d="M0 4h0""#), "a single point is a dot")
    #expect(plot([1, 1, 1], gap: 0).markup.text.components(of: #"class="line""#).count == 4)
  }

  @Test func `nothing to draw is nothing`() {
    #expect(plot([]).markup.isEmpty)
    #expect(plot([nil, nil]).markup.isEmpty)
    #expect(Bars(values: [], label: "").markup.isEmpty)
    #expect(Bars(values: [0, 0], label: "").markup.isEmpty)
  }

  @Test func `the same value again and again is a line all the same`() {
    #expect(plot([7, 7], isAmount: false).markup.text.contains("M0 60L720 60"))
    #expect(plot([0, 0]).markup.text.contains("M0 116L720 116"))
  }

  @Test func `extreme values harm nothing`() {
    let most = Double.greatestFiniteMagnitude
    #expect(!plot([-most, most], isAmount: false).markup.isEmpty)
    #expect(!plot([most, .leastNonzeroMagnitude]).markup.isEmpty)
    #expect(!Bars(values: [most, 1, 0, -5], label: "").markup.isEmpty)
  }

  @Test func `a band, a level and a mark are drawn`() {
    var plot = Plot(
      points: [PlotPoint(at: 0, 5, low: 0, high: 10), PlotPoint(at: 10, 5, low: 2, high: 6)],
      fromMicros: 0, toMicros: 10, label: "", isAmount: false)
    plot.level = 5
    plot.mark = PlotPoint(at: 5, 10)
    let text = plot.markup.text
    #expect(text.contains(#"class="band" d="M0 4L720 49L720 94L0 116z""#))
    #expect(text.contains(#"class="level" d="M0 60H720""#))
    #expect(text.contains(#"class="mark" d="M360 0V120""#))
    #expect(text.contains(#"class="dot" d="M360 4h0""#))
    plot.mark = PlotPoint(at: 11, 10)
    #expect(!plot.markup.text.contains("mark"))
  }

  @Test func `bars stand on the ground, and the smallest is seen`() {
    let text = Bars(values: [1000, 0, 1], label: "three").markup.text
    #expect(text.contains(#"d="M0 120v-120h48v120zM120 120v-3h48v3z""#))
  }
}

@Suite struct MarkupTests {
  @Test func `text is escaped and markup is not, once`() {
    let name = "<i>&\"'"
    let inner: Markup = "<b>\(name)</b>"
    #expect(inner.text == "<b>&lt;i&gt;&amp;&quot;&#39;</b>")
    let outer: Markup = "<p title=\"\(name)\">\(inner)\(7)</p>"
    #expect(outer.text == "<p title=\"&lt;i&gt;&amp;&quot;&#39;\">\(inner.text)7</p>")
  }

  @Test func `times are of the day, or with their date`() {
    #expect(Moment.text(Example.now - 60_000_000, now: Example.now) == "07:31:00")
    #expect(
      Moment.text(Example.now - 86_400_000_000, now: Example.now) == "2026-11-20 07:32:00")
    #expect(Moment.micros("2026-11-21T07:32:00.123456Z") == Example.now)
    for text in ["", "Z", "2026-11-21T07:32Z", "2026-13-21T07:32:00Z", "a-b-cTd:e:fZ"] {
      #expect(Moment.micros(text) == nil, "\(text)")
    }
  }

  @Test(arguments: [
    (-3, "0 s"), (0, "0 s"), (0.2, "under 1 s"), (1, "1 s"), (59.9, "59 s"), (60, "1 min 0 s"),
    (1e300, "forever"),
  ] as [(Double, String)])
  func `ages are in whole seconds`(_ seconds: Double, _ text: String) {
    #expect(Quantity.age(seconds) == text)
  }

  @Test(arguments: [
    (0, "0"), (91.5, "91.5"), (-91.25, "-91.25"), (12_345.6, "12 346"), (0.012_345_67, "0.012346"),
    (1.5e20, "1.5e+20"), (1e-7, "1e-07"), (200.04, "200"), (.nan, "nan"), (-.infinity, "-inf"),
  ] as [(Double, String)])
  func `figures have the digits that mean something`(_ value: Double, _ text: String) {
    #expect(Quantity.figure(value) == text)
  }
}
