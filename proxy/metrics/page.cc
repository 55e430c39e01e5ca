#include "proxy/metrics/page.h"

namespace wye::metrics {

// Texts go in by textContent only: a server's error may hold anything.
std::string_view page() {
  return R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>wye</title>
<style>
:root{color-scheme:light dark;--line:#8884;--dim:#888}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
h1{font-size:1.4rem;margin:0}header{display:flex;gap:1rem;align-items:baseline;margin-bottom:1.5rem}
#meta,.dim{color:var(--dim)}.cards{display:flex;flex-wrap:wrap;gap:1rem;margin-bottom:1.5rem}
.card{border:1px solid var(--line);border-radius:.5rem;padding:.6rem 1rem;min-width:8rem}
.card b{display:block;font-size:1.5rem;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--dim)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.dot{display:inline-block;width:.6rem;height:.6rem;border-radius:50%;background:#c33;margin-right:.4rem}
.online{background:#2a4}.lagging,.draining{background:#d92}#gone{color:#c33}
</style></head><body>
<header><h1>wye</h1><span id="meta"></span><span id="gone" role="alert"></span></header>
<div class="cards" id="cards"></div>
<table><thead><tr><th>server</th><th>address</th><th>role</th><th>state</th><th class="n">lag</th><th class="n">queries/s</th>
<th class="n">latency</th><th class="n">in use</th><th class="n">idle</th><th class="n">errors</th></tr></thead><tbody id="servers"></tbody></table>
<p class="dim">Prometheus reads <a href="/metrics">/metrics</a>.</p>
<script>
"use strict";
const $=id=>document.getElementById(id);let last=null,at=0;
const make=(tag,text,cls)=>{const e=document.createElement(tag);e.textContent=text;if(cls)e.className=cls;return e};
const rate=(now,then,s)=>s>0&&now>=then?Math.round((now-then)/s).toLocaleString():"–";
const time=us=>us===null?"–":us<1000?us+" µs":(us/1000).toFixed(1)+" ms";
function show(d,t){
 const s=last?(t-at)/1000:0,old={};if(last)for(const x of last.servers)old[x.name]=x;
 $("meta").textContent=d.version+(d.epoch===undefined?"":" · epoch "+d.epoch)+(d.resident_bytes?" · "+(d.resident_bytes/1048576).toFixed(0)+" MiB":"");
 const total=Object.values(d.sessions).reduce((a,b)=>a+b,0);
 const cards=[["sessions",total.toLocaleString()],["active",(d.sessions.active||0).toLocaleString()]];
 for(const k of Object.keys(d.statements))cards.push([k+"/s",last?rate(d.statements[k],last.statements[k],s):"–"]);
 $("cards").replaceChildren(...cards.map(([k,v])=>{const c=make("div","","card");c.append(make("b",v),make("span",k,"dim"));return c}));
 $("servers").replaceChildren(...d.servers.map(x=>{
  const r=make("tr",""),state=make("td","");state.append(make("span","","dot "+x.state),x.state);
  if(x.reason)state.append(make("span"," "+x.reason,"dim"));
  r.append(make("td",x.name),make("td",x.address),make("td",x.role),state,make("td",x.lag_ms===null?"–":x.lag_ms+" ms","n"),
   make("td",old[x.name]?rate(x.queries,old[x.name].queries,s):"–","n"),make("td",time(x.latency_us),"n"),
   make("td",x.in_use,"n"),make("td",x.idle,"n"),make("td",x.errors,"n"));return r}));
 last=d;at=t}
async function tick(){
 try{const r=await fetch("/api/state",{cache:"no-store"});if(!r.ok)throw 0;show(await r.json(),performance.now());$("gone").textContent=""}
 catch(e){$("gone").textContent="wye does not answer"}
 setTimeout(tick,1000)}
tick();
</script></body></html>
)html";
}

}  // namespace wye::metrics
