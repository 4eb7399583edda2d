mod shelf;
use std::time::Instant;
use model::*; use model::command::Point; use model::schema::*;
use skerry_engine::*;
fn h2f(h:u16)->f32{ let s=((h>>15) as u32)<<31; let e=((h>>10)&31) as u32; let m=(h&1023) as u32; if e==0 { let v=m as f32*2f32.powi(-24); return if s!=0{-v}else{v}; } f32::from_bits(s|((e+112)<<23)|(m<<13)) }
fn run(name:&str, data:Vec<f32>, dim:usize, metric:Metric, rows:usize, queries:usize){
    let total=data.len()/dim; let step=total/queries;
    let qs:Vec<usize>=(0..queries).map(|i|i*step).collect();
    let schema=Schema{vectors:vec![VectorField{name:VectorName::default(),kind:VectorKind::Dense{dim:Dim::new(dim as u64).unwrap(),metric},hnsw:None,residency:Residency::Mapped}],
      indexes: vec![FieldIndex{path:FieldPath::field("n"),params:IndexParams{kind:FieldKind::Integer,attributes:Object::new()}}],..Schema::default()};
    let mut shelf=shelf::Shelf::default();
    let mut c=Collection::create(schema).unwrap();
    let ids:Vec<usize>=(0..total.min(rows+queries)).filter(|i|!qs.contains(i)).collect();
    let t=Instant::now(); let mut sealt=0.0;
    for chunk in ids.chunks(64){
        let points=chunk.iter().map(|&id|Point{id:PointId::Num(id as u64),vectors:vec![(VectorName::default(),Vector::Dense(data[id*dim..][..dim].to_vec()))],payload:[("n",Value::Int((id%1000) as i64))].into_iter().collect()}).collect();
        c=c.apply(&WriteOp::Upsert{points,mode:UpsertMode::Upsert,condition:None}).unwrap();
        if let Some(job)=c.next_seal(&JobPolicy::default()){ let s=Instant::now(); let d=shelf.run(job); c=c.install(&d).unwrap(); sealt+=s.elapsed().as_secs_f64(); }
    }
    println!("{name} load {:.2}s of which seals {sealt:.2}", t.elapsed().as_secs_f64());
    while let Some(job)=c.next_job(&JobPolicy::idle()){ let k=job.kind(); let s=Instant::now(); let d=shelf.run(job); let r=s.elapsed().as_secs_f64(); let s=Instant::now(); c=c.install(&d).unwrap(); println!("{k:?} {r:.2}s install {:.3}", s.elapsed().as_secs_f64()); }
    let info=c.info(&CollectionName::new("c").unwrap()); println!("{:?} segs {} idx {} pts {} growing {:?}",info.status,info.segments,info.indexed_vectors,info.points,c.growing());
    if let Some(m)=c.manifest(){ let t=Instant::now(); let _r=Collection::restore(m,&mut |p|Ok(shelf.open(p))).unwrap(); println!("restore {:.3}s (copies)",t.elapsed().as_secs_f64()); }
    let pool=ScratchPool::new();
    for (fname,filter) in [("none",None),("50%",Some(500.0)),("10%",Some(100.0)),("1%",Some(10.0)),("0.1%",Some(1.0))]{
      let filter=filter.map(|lt|Filter::Field{path:FieldPath::field("n"),test:model::filter::Test::Range(model::filter::Range{lt:Some(lt),..Default::default()})});
      for ef in [None,Some(64),Some(100)]{
        let (mut hits,mut us)=(0,0.0);
        for &q in &qs{
            let mut s=Search{collection:CollectionRef::in_default("c").unwrap(),rank:Some(Rank::Nearest{field:VectorName::default(),to:VectorQuery::Vector(Vector::Dense(data[q*dim..][..dim].to_vec()))}),filter:filter.clone(),params:SearchParams{ef,exact:false,indexed_only:false},score_above:None,limit:10,offset:0,select:Select::default()};
            let t=Instant::now(); let got=c.search(&s,&pool).unwrap(); us+=t.elapsed().as_secs_f64()*1e6;
            s.params.exact=true; let want=c.search(&s,&pool).unwrap();
            let worst=want.last().unwrap().score;
            hits+=got.iter().filter(|h|h.score>=worst).count();
        }
        println!("{name} filter {fname} ef {ef:?}: recall {:.4} {:.0} us", hits as f64/(10*queries) as f64, us/queries as f64);
        if filter.is_some(){break;}
      }
    }
}
#[test]
fn recall(){
    let b=std::fs::read("/tmp/minilm.f16").unwrap();
    run("minilm", b.chunks_exact(2).map(|c|h2f(u16::from_le_bytes([c[0],c[1]]))).collect(), 384, Metric::Cosine, 61466, 200);
    let f=std::env::var("FASHION").unwrap(); let b=std::fs::read(f).unwrap();
    run("fashion", b.iter().map(|&x|x as f32).collect(), 784, Metric::L2, 59800, 200);
}
