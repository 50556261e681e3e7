"""The colours of the drawing on light ground and on dark: those of Okabe and Ito, which the colour-blind tell apart, made to stand out."""

from __future__ import annotations

STYLE = """
text{font:11px system-ui,'Noto Sans KR','Apple SD Gothic Neo',sans-serif;fill:#1b1f24}.ground{fill:#fff}
.title{font-size:19px;font-weight:650}.dim{fill:#5b6570}.head{fill:#eef1f4;stroke:#c4ccd4}
.name{font-weight:600;font-size:12px;text-anchor:middle}.host{font-size:10px;text-anchor:middle}
.time{font-size:10px;text-anchor:end}.again{font-size:9.5px;text-anchor:middle}.life{stroke:#d3d9df;stroke-dasharray:2 3}
.label{stroke:#fff;stroke-width:3.5px;paint-order:stroke;stroke-linejoin:round}.line{fill:none;stroke-width:1.6}
.inner{fill:none;stroke:#fff;stroke-width:1.7}.answer{stroke-dasharray:5 4;stroke-width:1.3}.rest{stroke:#0072b2}
.queue{stroke:#c25200}.driver{stroke:#6b7280}.notify{stroke:#8a6d9b;stroke-dasharray:1.5 3.5}.double{stroke-width:4.6}
.f-rest{fill:#0072b2}.f-queue{fill:#c25200}.f-driver{fill:#6b7280}.f-notify{fill:#8a6d9b}.open{fill:none;stroke-width:1.8}
.badge{font-size:8.5px;font-weight:700;text-anchor:middle;fill:#fff}.bar{fill:#e4e9ee;stroke:#aab4be}
.bad{fill:#b3001b;font-weight:600}.note{fill:#e8f5ef;stroke:#00805c}.decision{fill:#f8ecf3;stroke:#a9527f}
.fault{fill:#fde9e7;stroke:#b3001b}.pause{stroke:#c4ccd4;stroke-dasharray:1 4}.band{fill:#e8f5ef;stroke:#00805c}
.band.active{fill:#009e73}.band.error{fill:#fde9e7;stroke:#b3001b}.on-active{fill:#fff;font-weight:600}
@media (prefers-color-scheme:dark){
text{fill:#e8ecf0}.ground{fill:#11151a}.dim{fill:#9aa5b1}.head{fill:#1d242c;stroke:#3b4651}.life{stroke:#323c46}
.label{stroke:#11151a}.inner{stroke:#11151a}.rest{stroke:#56b4e9}.queue{stroke:#e69f00}.driver{stroke:#9aa5b1}
.notify{stroke:#c9a6dc}.f-rest{fill:#56b4e9}.f-queue{fill:#e69f00}.f-driver{fill:#9aa5b1}.f-notify{fill:#c9a6dc}
.badge{fill:#11151a}.bar{fill:#2a333d;stroke:#566270}.bad{fill:#ff8a80}.note{fill:#12372c;stroke:#2bb98d}
.decision{fill:#3a2331;stroke:#cc79a7}.fault{fill:#451a1a;stroke:#ff8a80}.band{fill:#12372c;stroke:#2bb98d}
.band.active{fill:#009e73}.band.error{fill:#451a1a;stroke:#ff8a80}.pause{stroke:#3b4651}
}
"""
