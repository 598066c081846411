/// How the page looks: one style sheet inside it, allowed by its digest.
///
/// System fonts, figures of one width, hairlines instead of boxes. Four tones carry meaning, each
/// with a sign and a word besides; everything else is ink. Contrast is 4.5:1 or more in both
/// schemes, which the test of the page computes in a browser.
enum PageStyle {
  static var element: Markup { Markup(stringLiteral: "<style>\(text)</style>") }

  /// SHA-256 of `text` in Base64; a test compares the two and says what it should be.
  static let digest = "QfmbT3b0mazP71w09lbL8eEmZca3fJqtrk0z8mDqMi0="

  static let text = colours + frame + verdict + dials + lists + tables + media

  private static let colours = """
    :root{color-scheme:light dark;--ground:#f6f7f9;--paper:#fff;--ink:#12161c;--soft:#4b5563;\
    --line:#d3d8df;--plot:#1f5fb8;--band:#1f5fb822;--link:#174e9c;\
    --good:#0a6637;--good-bg:#e2f3e9;--busy:#1a529e;--busy-bg:#e5eefa;\
    --warning:#824500;--warning-bg:#fcefd8;--bad:#a31616;--bad-bg:#fce6e4}
    @media(prefers-color-scheme:dark){:root{--ground:#0e1115;--paper:#14181d;--ink:#e7eaee;\
    --soft:#a6b0bd;--line:#2d343d;--plot:#79aefc;--band:#79aefc2b;--link:#93bdff;\
    --good:#6bd197;--good-bg:#10261a;--busy:#8ebaff;--busy-bg:#132138;\
    --warning:#f2b457;--warning-bg:#2d200b;--bad:#ff9a91;--bad-bg:#391614}}
    .good{--tone:var(--good);--tint:var(--good-bg)}.busy{--tone:var(--busy);--tint:var(--busy-bg)}
    .warning{--tone:var(--warning);--tint:var(--warning-bg)}
    .bad{--tone:var(--bad);--tint:var(--bad-bg)}

    """

  private static let frame = """
    *{box-sizing:border-box}
    body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);\
    font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
    header,main,footer,#away{padding-inline:max(1rem,calc(50vw - 50rem))}
    header{display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;align-items:center;padding-block:.55rem}
    h1,h2,h3,p,dl,dd,ol,ul{margin:0}ol,ul{padding:0;list-style:none}
    h2{font-size:1rem;line-height:1.3}h3{font-size:.95rem;line-height:1.3}
    a{color:var(--link);text-underline-offset:.15em}
    nav{display:flex;flex-wrap:wrap;gap:.1rem 1rem;font-size:.9rem}
    .name{font-weight:650}.name span{font-weight:400;color:var(--soft)}
    #controls{margin-inline-start:auto;font-size:.9rem}
    #live::before{content:"";display:inline-block;width:.6em;height:.6em;border-radius:50%;\
    margin-inline-end:.45em;background:var(--good)}
    .paused #live::before{background:none;border:2px solid var(--soft)}
    .away #live::before{background:var(--bad);border-radius:0}
    button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--soft);\
    border-radius:.3rem;padding:.1rem .65rem;min-height:1.75rem;cursor:pointer}
    button:hover{border-color:var(--ink)}
    :focus-visible{outline:3px solid var(--plot);outline-offset:2px}
    section:focus:not(:focus-visible){outline:none}
    section,li{scroll-margin-top:1rem}
    .i{width:1em;height:1em;flex:none;fill:var(--tone,currentColor);vertical-align:-.12em;\
    margin-inline-end:.4em}
    .cut{fill:none;stroke:var(--tint,var(--ground));stroke-width:1.9;stroke-linecap:round}
    .vh{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);\
    white-space:nowrap}
    .skip{position:absolute;left:-99rem;padding:.5rem 1rem;background:var(--paper);z-index:1}
    .skip:focus{left:.5rem;top:.5rem}
    #away{color:var(--bad);background:var(--bad-bg);font-weight:650;padding-block:.6rem}
    #away:empty{display:none}
    .away main{filter:grayscale(1)}
    footer{color:var(--soft);font-size:.85rem;padding-block:1.5rem 2rem}
    .note{color:var(--soft);font-size:.87rem}
    code{font-family:ui-monospace,monospace;font-size:.92em}
    dialog{color:inherit;background:var(--paper);border:1px solid var(--soft);\
    border-radius:.4rem;padding:1.2rem 1.5rem;max-width:26rem}
    dialog::backdrop{background:#0008}
    dialog dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;margin-block:.8rem}
    dialog p{margin-block-start:.8rem}
    kbd{font:inherit;font-size:.85em;border:1px solid var(--soft);border-radius:.25rem;\
    padding:0 .4em}

    """

  private static let verdict = """
    .verdict{background:var(--tint);border-block:1px solid var(--line);\
    border-inline-start:.5rem solid var(--tone);padding:1rem 1.2rem 1.1rem;\
    margin-block-start:.2rem}
    h1{font-size:1.75rem;line-height:1.2;font-weight:700;color:var(--tone);\
    letter-spacing:-.01em}
    .lead{font-size:1.1rem;margin-block-start:.25rem}
    .verdict p{max-width:62rem}.since{color:var(--soft)}
    .findings{border-block-start:1px solid var(--line);margin-block-start:.75rem}
    .findings li{display:flex;padding-block:.45rem 0;max-width:70rem}
    .findings .i{margin-block-start:.28em;--tint:var(--ground)}
    .findings strong{color:var(--tone)}.findings a{white-space:nowrap}

    """

  private static let dials = """
    .dials{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));\
    gap:1.4rem 1.8rem;padding-block:1.4rem}
    .dial{display:flex;flex-direction:column}
    .dial h2{color:var(--soft);font-weight:600}
    .figure{line-height:1.25;margin-block-end:.35rem}
    .figure b{font-size:1.7rem;font-weight:650;letter-spacing:-.015em}
    .plot{display:block;width:100%;height:3.4rem;overflow:visible}
    p.plot{color:var(--soft);font-size:.87rem;border-block-end:1px solid var(--line)}
    svg.plot{border-block-end:1px solid var(--line)}
    .plot path{fill:none;vector-effect:non-scaling-stroke}
    .plot .line{stroke:var(--plot);stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}
    .plot .band{fill:var(--band)}.plot .bars{fill:var(--plot)}
    .plot .level{stroke:var(--soft);stroke-width:1.25;stroke-dasharray:5 4}
    .plot .mark{stroke:var(--tone);stroke-width:1.25}
    .plot .dot{stroke:var(--tone);stroke-width:8;stroke-linecap:round}
    .axis{display:flex;justify-content:space-between;gap:.5rem;color:var(--soft);\
    font-size:.78rem;line-height:1.6;white-space:nowrap}
    .dial .note{margin-block-start:.2rem}

    """

  private static let lists = """
    .grid{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));\
    gap:0 2.5rem;align-items:start}
    .grid section{border-block-start:2px solid var(--ink);padding-block:.6rem 2rem;min-width:0}
    .grid .full{grid-column:1/-1}
    .grid h2{margin-block-end:.5rem;font-size:1.1rem}
    .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));\
    gap:0 2.5rem}
    .card{border-block-start:1px solid var(--line);padding-block:.7rem .9rem;min-width:0}
    .card .i{--tint:var(--ground)}
    .card .tag{color:var(--tone);font-size:.87rem;font-weight:600}
    .card .figure b{font-size:1.35rem}
    .metric,.device{font-weight:650}
    details{margin-block-start:.4rem}summary{cursor:pointer;color:var(--link);font-size:.9rem}
    details dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem 1rem;font-size:.87rem;\
    padding-block:.3rem}
    dt{color:var(--soft)}
    .facts{display:grid;grid-template-columns:minmax(7rem,auto) 1fr;gap:.25rem 1.2rem;\
    margin-block-end:1rem}

    """

  private static let tables = """
    .wide{overflow-x:auto;position:relative}
    table{border-collapse:collapse;width:100%;font-size:.9rem}
    caption{text-align:start;color:var(--soft);font-size:.87rem;padding-block-end:.3rem}
    th,td{text-align:right;padding:.22rem 0 .22rem .9rem;vertical-align:baseline;\
    white-space:nowrap;border-block-end:1px solid var(--line)}
    thead th{font-weight:600;color:var(--soft);border-block-end-color:var(--soft)}
    tbody th{font-weight:600}
    .t{text-align:start;white-space:normal;min-width:7rem}tbody th.t{min-width:6.2rem}
    th:first-child{padding-inline-start:0}
    tbody tr:hover{background:var(--paper)}
    .bar{width:40px;height:8px;margin-inline-end:.5rem;transform:scaleX(-1)}
    .bar rect{fill:var(--plot)}

    """

  private static let media = """
    @media(max-width:60rem){.grid{grid-template-columns:minmax(0,1fr)}}
    @media(max-width:34rem){body{font-size:16px}h1{font-size:1.45rem}\
    .facts{grid-template-columns:1fr;gap:0}.facts dd{margin-block-end:.5rem}\
    .verdict{padding-inline:.8rem}\
    .dials{grid-template-columns:repeat(2,minmax(0,1fr));gap:1.2rem 1rem}\
    .dial .figure b{font-size:1.4rem}.axis{flex-wrap:wrap;gap:0 .5rem}\
    #controls{margin-inline-start:0}}
    @media(forced-colors:active){.plot .line,.plot .mark,.plot .dot{stroke:CanvasText}\
    .plot .bars,.bar rect{fill:CanvasText}.i{fill:CanvasText;--tint:Canvas}}
    @media(prefers-contrast:more){:root{--soft:var(--ink);--line:var(--ink)}}
    @media print{:root{--ground:#fff;--paper:#fff}body{font-size:10pt}\
    header nav,#controls,.skip,dialog{display:none}.wide{overflow:visible}\
    table{font-size:7pt}th,td{padding-inline-start:.6em}\
    section,.card{break-inside:avoid}details::details-content{content-visibility:visible;\
    block-size:auto}*{print-color-adjust:exact}}

    """
}
