import Testing

@testable import Status

@Suite struct PlainTextTests {
  @Test(arguments: [
    ("bus-17", "bus-17"), ("Zürich 東京 🚌", "Zürich 東京 🚌"), ("a\u{1B}[31mb", "a\\u{1B}[31mb"),
    ("x\u{202E}y\u{200F}", "x\\u{202E}y\\u{200F}"), ("a\r\nb", "a\\u{D}\\u{A}b"),
    ("\u{2028}\u{2029}\u{85}", "\\u{2028}\\u{2029}\\u{85}"), ("", ""),
  ]) func `what steers a terminal is written out`(_ text: String, _ seen: String) {
    #expect(PlainText.visible(text) == seen)
  }

  @Test func `what means something to HTML becomes an entity`() {
    #expect(PlainText.html(#"<a href="x" b='y'>&amp;"#)
      == "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;")
  }

  @Test(arguments: [
    (0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567"), (-1000, "-1 000"),
    (Int64.min, "-9 223 372 036 854 775 808"),
  ] as [(Int64, String)]) func `counts are grouped`(_ value: Int64, _ text: String) {
    #expect(Quantity.count(value) == text)
  }

  @Test(arguments: [
    (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3_565_158, "3.4 MiB"),
    (1 << 50, "1024.0 TiB"),
  ] as [(Int64, String)]) func `bytes have a unit`(_ value: Int64, _ text: String) {
    #expect(Quantity.bytes(value) == text)
  }

  @Test(arguments: [
    (0, "0.000 s"), (0.0124, "0.012 s"), (4.25, "4.3 s"), (59.9, "59.9 s"), (423.9, "7 min 3 s"),
    (18_720, "5 h 12 min"), (273_600, "3 d 4 h"), (1e30, "forever"),
  ] as [(Double, String)]) func `durations are as long as needed`(_ value: Double, _ text: String) {
    #expect(Quantity.duration(value) == text)
  }
}
