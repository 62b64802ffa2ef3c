#include "train/plot/page.h"

#include "io/numbers.h"
#include "train/plot/svg.h"

namespace quench::train {
namespace {

constexpr std::string_view page_style = R"css(
:root{color-scheme:light dark;--paper:#fff;--ink:#15191e;--soft:#525c68;--rule:#d5dae0;--card:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#eef1f4;--soft:#a9b4c0;--rule:#3a434d;--card:#1b2127}}
body{margin:0 auto;padding:16px 12px 40px;max-width:1240px;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
h1{font-size:22px;margin:4px 0 12px;overflow-wrap:anywhere}h2{font-size:16px;margin:22px 0 8px}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:3px 14px 3px 0;border-bottom:1px solid var(--rule);vertical-align:top;max-width:26em;overflow-wrap:break-word}td+td{min-width:4em}th{color:var(--soft);font-weight:600}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:14px;margin-top:18px}
figure{margin:0;max-width:720px;padding:8px;background:var(--card);border-radius:8px;min-width:0}svg{display:block;width:100%;height:auto}
#tip{position:fixed;display:none;pointer-events:none;padding:6px 9px;border-radius:6px;background:var(--ink);color:var(--paper);font-size:13px;max-width:70vw;z-index:1}
)css";

constexpr std::string_view page_script = R"js(
(function(){
const tip=document.getElementById('tip');
document.querySelectorAll('figure').forEach(function(figure){
  const drawing=figure.querySelector('svg'),charts=JSON.parse(figure.querySelector('script').textContent);
  const bar=document.createElementNS('http://www.w3.org/2000/svg','line');
  bar.setAttribute('class','ax');bar.style.display='none';drawing.appendChild(bar);
  const hide=function(){tip.style.display=bar.style.display='none'};
  const show=function(event){
    const box=drawing.getBoundingClientRect(),unit=drawing.viewBox.baseVal.width/box.width;
    const px=(event.clientX-box.left)*unit,py=(event.clientY-box.top)*unit;
    const chart=charts.find(function(c){return py>=c.t-30&&py<=c.b+20});
    if(!chart||px<chart.l-8||px>chart.r+8){hide();return}
    const share=(px-chart.l)/(chart.r-chart.l);
    const wanted=chart.log?chart.lo*Math.pow(chart.hi/chart.lo,share):chart.lo+share*(chart.hi-chart.lo);
    let at=null;
    const nearest=function(xs,value){let best=0;for(let i=1;i<xs.length;++i)if(Math.abs(xs[i]-value)<Math.abs(xs[best]-value))best=i;return best};
    const lines=[];
    chart.s.forEach(function(s){
      if(!s.x.length)return;
      const i=nearest(s.x,at===null?wanted:at);
      if(at===null)at=s.x[i];
      lines.push(s.n+': '+(s.y[i]===null?'-':s.y[i]));
    });
    if(at===null){hide();return}
    const back=chart.log?Math.log(at/chart.lo)/Math.log(chart.hi/chart.lo):(at-chart.lo)/(chart.hi-chart.lo);
    const x=chart.l+back*(chart.r-chart.l);
    bar.setAttribute('x1',x);bar.setAttribute('x2',x);bar.setAttribute('y1',chart.t);bar.setAttribute('y2',chart.b);
    bar.style.display='';
    tip.replaceChildren();
    [chart.x+' '+at].concat(lines).forEach(function(words){const row=document.createElement('div');row.textContent=words;tip.appendChild(row)});
    tip.style.display='block';
    const left=event.clientX+16+tip.offsetWidth>innerWidth?event.clientX-16-tip.offsetWidth:event.clientX+16;
    tip.style.left=Math.max(4,left)+'px';
    tip.style.top=Math.max(4,Math.min(event.clientY+12,innerHeight-tip.offsetHeight-4))+'px';
  };
  drawing.addEventListener('pointermove',show);drawing.addEventListener('pointerdown',show);
  drawing.addEventListener('pointerleave',hide);
});
})();
)js";

std::string draw(const Table& table) {
  std::string out = table.title.empty() ? std::string() : "<h2>" + escaped(table.title) + "</h2>\n";
  out += "<div class=\"wide\"><table>\n";
  bool heading = true;
  for (const std::vector<std::string>& row : table.rows) {
    out += "<tr>";
    for (const std::string& cell : row) {
      const std::string kind = heading ? "th" : "td";
      out.append("<").append(kind).append(">").append(escaped(cell)).append("</").append(kind).append(">");
    }
    out += "</tr>\n";
    heading = false;
  }
  return out + "</table></div>\n";
}

}  // namespace

std::string html(const Page& page) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>" +
      escaped(page.title) + "</title>\n<style>" + std::string(page_style) + svg_style() +
      "</style>\n</head>\n<body>\n<h1>" + escaped(page.title) + "</h1>\n";
  for (const std::string& words : page.paragraphs) out += "<p>" + escaped(words) + "</p>\n";
  for (const Table& table : page.tables) out += draw(table);
  out += "<div class=\"figures\">\n";
  int number = 0;
  for (const std::vector<Chart>& charts : page.figures) {
    out += "<figure>\n" + svg(charts, "f" + io::to_text(number++)) + "<script type=\"application/json\">" +
           hover_data(charts) + "</script>\n</figure>\n";
  }
  out += "</div>\n";
  for (const Table& table : page.details) out += draw(table);
  return out + "<div id=\"tip\" role=\"status\"></div>\n<script>" + std::string(page_script) +
         "</script>\n</body>\n</html>\n";
}

}  // namespace quench::train
